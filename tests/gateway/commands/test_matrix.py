"""The printed matrix is the loaded matrix: every cell of it, on the terminal, on the page and in the JSON."""

from __future__ import annotations

import argparse
import io
import json
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.commands import matrix
from gateway.commands.matrix_page import page
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config
from gateway.plant.names import Names
from gateway.plant.sheet import Sheet, sheets

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())


def given(**options: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"config": None, "unit": None, "html": None, "json": False, **options})


def terminal(config: Config, found: list[Sheet], *, width: int = 80, details: bool = False) -> str:
    out = io.StringIO()
    matrix.show(config, found, Console(file=out, width=width, force_terminal=False), details=details)
    return out.getvalue()


def test_every_cell_of_the_configuration_is_a_cell_of_a_sheet(config: Config):
    names = Names(config)
    wanted = {(key, names.tag(role, row.unit), value) for key, row in config.interlocks.items() for role, value in row.effects.items()}
    shown = {(f"{s.unit}.{c.name}", tag, cell.value) for s in sheets(config) for c in s.causes for tag, cell in c.cells.items()}
    assert shown == wanted
    assert {effect.tag for s in sheets(config) for effect in s.effects} == {tag for _, tag, _ in wanted}


def test_every_cell_stands_on_the_page_under_its_output(config: Config):
    found = sheets(config)
    html = page("Site", config.digest, found, printed=WHEN)
    for sheet, section in zip(found, html.split('<section class="sheet">')[1:], strict=True):
        columns = re.findall(r'<th class="v"><div><b>(.*?)</b>', section)
        assert columns == [effect.tag for effect in sheet.effects]
        for cause, row in zip(sheet.causes, re.findall(r"<tr><td class=\"n\">\d+</td>.*?</tr>", section, re.S), strict=True):
            cells = dict(zip(columns, re.findall(r'<td class="c(?: off| on)?">(.*?)</td>', row), strict=True))
            assert {tag: word for tag, word in cells.items() if word} == {tag: cell.word for tag, cell in cause.cells.items()}
            assert cause.condition in unescape(row.replace("<wbr>", ""))
            assert cause.reset in unescape(row.replace("<wbr>", ""))
            assert ("reset when" in row) is bool(cause.reset)
            assert all(text in unescape(row.replace("<wbr>", "")) for text in (cause.description, cause.source, *cause.figures.values()))


def test_the_page_stands_alone_escapes_what_it_is_given_and_is_the_same_each_time(config: Config):
    (sheet,) = sheets(config, "TK-210")
    html = page("<b>Site & Co</b>", config.digest, [sheet], printed=WHEN)
    assert "<b>Site" not in html
    assert "&lt;b&gt;Site &amp; Co" in html
    assert not re.search(r"https?:|<script|<link|<img|url\(", html)
    assert html == page("<b>Site & Co</b>", config.digest, [sheet], printed=WHEN)
    assert config.digest[:8] in html
    assert html.count("<tr><td>Approved: operations</td><td></td><td></td><td></td></tr>") == 1


def test_on_a_terminal_of_eighty_columns_no_line_is_broken(config: Config):
    lines = terminal(config, sheets(config)).splitlines()
    assert all(len(line) <= 80 for line in lines[:-3])
    row = next(line for line in lines if line.startswith("emergency_stop"))
    letters = next(line for line in lines if line.startswith("cause")).split()[-1]
    cells = dict(zip(letters, row.split()[-1], strict=True))
    assert (cells["A"], cells["D"], cells["G"]) == ("0", "F", ".")


def test_a_unit_by_itself_is_told_with_its_conditions_and_figures(config: Config):
    text = terminal(config, sheets(config, "R-102"), width=200, details=True)
    assert "when    lel > lel_trip_pct_lel" in text
    assert "where   lel_trip_pct_lel = 25 %LEL" in text
    assert "reads   AIT-1027" in text
    assert "forces  acid_pump_run stop, acid_valve closed" in text
    assert "reset   lel < 5 %LEL and purged > 0.99" in text


def test_a_row_whose_reset_has_a_condition_is_marked_in_the_grid_and_told_in_the_json(config: Config):
    lines = terminal(config, sheets(config, "R-101")).splitlines()
    marked = {line.split()[0] for line in lines if " latch* " in line}
    assert marked == {cause.name for sheet in sheets(config, "R-101") for cause in sheet.causes if cause.reset}
    assert {"hydrogen_high", "temperature_high", "rise_high"} <= marked


def test_the_command_prints_json_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert matrix.run(given(json=True, unit="R-101")) == 0
    (unit,) = json.loads(capsys.readouterr().out)["units"]
    assert unit["unit"] == "R-101"
    assert matrix.run(given(html=tmp_path / "m.html")) == 0
    found = sheets(load(belfast_config()))
    counts = f"{len(found)} sheets, {sum(len(s.causes) for s in found)} causes, {sum(s.cells for s in found)} cells"
    assert counts in capsys.readouterr().out
    assert matrix.run(given(html=tmp_path / "none" / "m.html")) == 1


def test_a_unit_that_is_not_there_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]):
    assert matrix.run(given(unit="C-302")) == 2
    assert "no rows for unit 'C-302'; nearest is C-301" in capsys.readouterr().err
