"""Every row of the fault catalogue that a link must stand has a test, and the page says which."""

from __future__ import annotations

from tests.fault_page import LINKS, TESTS, marked, page


def test_every_row_that_a_link_must_stand_is_driven():
    found = marked()
    assert [row for row in LINKS if row not in found] == []


def test_the_page_is_what_the_marks_say():
    assert (TESTS.parent / "docs/reference/faults.md").read_text("utf-8") == page(), "python -m tests.fault_page > docs/reference/faults.md"
