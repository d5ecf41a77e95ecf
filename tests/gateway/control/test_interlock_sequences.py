"""Random lives of a few rows against a truth table written a second time: votes, delays, bypasses and their ends, resets, first-out.

A sequence is a plant of four rows with causes, delays and kinds of its own, and sixty scans in which inputs come, go and are
lost while people bypass and reset. The book knows nothing of the engine: it tries every answer an unknown input could give.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator

import pytest

from devices.quality import BAD_NO_COMMUNICATION, GOOD
from gateway.control.chain import InterlockChanged
from gateway.control.conditions import compile_set, parse
from gateway.control.image import SECOND, Now
from gateway.control.interlock import Interlocks, Row

Truth = bool | None
NAMES = "abcd"
STEP_S = 0.5
CAUSES = (
    "a", "not b", "any(a, b)", "all(c, d)", "vote(1, a, b)", "vote(2, a, b, c)", "vote(2, b, c, d)", "vote(3, a, b, c, d)",
    "a and not vote(2, b, c, d)", "vote(2, a, not b, c or d)",
)  # fmt: skip


def by_all_answers(cause: str, inputs: dict[str, Truth]) -> Truth:
    """A cause, by trying every answer that the unknown inputs could give. Each occurrence of an input may answer for itself."""
    places = [m.group() for m in re.finditer(r"\b[abcd]\b", cause)]
    options = [(True, False) if inputs[name] is None else (inputs[name],) for name in places]
    answers: set[bool] = set()
    for chosen in itertools.product(*options):
        said: Iterator[Truth] = iter(chosen)
        text = re.sub(r"\b[abcd]\b", lambda m, said=said: str(next(said)), cause)
        text = text.replace("vote(", "(lambda k, *x: sum(x) >= k)(")
        text = re.sub(r"\b(any|all)\(([^()]*)\)", r"\1([\2])", text)
        answers.add(bool(eval(text)))
    return answers.pop() if len(answers) == 1 else None


_KNOWN: dict[tuple[str, tuple[Truth, ...]], Truth] = {}


def cause_is(cause: str, inputs: dict[str, Truth]) -> Truth:
    key = (cause, tuple(inputs.values()))
    if key not in _KNOWN:
        _KNOWN[key] = by_all_answers(cause, inputs)
    return _KNOWN[key]


class Book:
    """One row by the book: what it does in a scan, from what it did and saw before. Times in s."""

    def __init__(self, row: Row, cause: str) -> None:
        self.row, self.cause = row, cause
        self.truth: Truth = None
        self.stood = -STEP_S                    # how long the cause has not been false
        self.forcing = self.tripped = self.first = False
        self.bypass = 0.0
        self.told = self.taken_off = False      # that it would have tripped; the bypass has just gone

    def scan(self, truth: Truth, book: list[Book]) -> list[tuple[str, bool]]:
        """The events of this scan, each with whether it was the first out of its group."""
        self.truth = truth
        self.stood = -STEP_S if truth is False else self.stood + STEP_S
        events: list[tuple[str, bool]] = []
        if self.bypass:
            self.bypass = round(self.bypass - STEP_S, 6)
            if self.bypass <= 0:
                self.bypass, self.taken_off, self.told = 0.0, True, False
                events.append(("bypass_ended", False))
        if self.taken_off and self.tripped:
            events.append(self._trips(book))
        self.taken_off = False
        if truth is False:
            return events + self._calm()
        due = truth is None or self.stood >= self.row.delay_ns / SECOND
        if due and self.bypass and not self.told and not self.row.permissive:
            self.told = True
            events.append(("demanded", False))
        if self.forcing or self.bypass or not due:
            return events
        self.forcing = True
        return events if self.row.permissive else [*events, self._trips(book)]

    def _trips(self, book: list[Book]) -> tuple[str, bool]:
        self.first = self.first or not any(other.tripped for other in book if other.row.group == self.row.group and other is not self)
        self.tripped = True
        return "tripped", self.first

    def _calm(self) -> list[tuple[str, bool]]:
        self.told = False
        if not self.forcing or (self.row.latch and self.tripped):
            return []
        self.forcing, was, self.tripped, self.first = False, self.tripped, False, False
        return [("cleared", False)] if was else []

    def reset(self) -> bool:
        """Whether a person may reset it now; done when so."""
        if not self.tripped or self.truth is not False:
            return False
        self.forcing = self.tripped = self.first = False
        return True


class Life:
    """Four rows with their book, scanned together."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        causes = [rng.choice(CAUSES) for _ in range(4)]
        rows = [self._row(k) for k in range(4)]
        self.interlocks = Interlocks(rows, dict.fromkeys(range(3), 0.0), 8 * 3600 * SECOND)
        self.interlocks.arm()
        self.book = [Book(row, cause) for row, cause in zip(rows, causes, strict=True)]
        self.evaluate = _compiled(tuple(causes))
        self.now = Now(rng.randrange(10**12), 10**18)
        self.inputs: dict[str, Truth] = dict.fromkeys(NAMES, False)

    def _row(self, k: int) -> Row:
        rng = self.rng
        permissive = rng.random() < 0.25
        effects = {tag: float(rng.random() < 0.2) for tag in rng.sample(range(3), rng.choice((1, 2)))}
        return Row(name=f"r{k}", unit="R", group=rng.choice("GH"), effects=effects, permissive=permissive,
                   latch=not permissive and rng.random() < 0.6, delay_ns=round(rng.choice((0.0, 0.0, 1.0, 2.5)) * SECOND))

    def people(self) -> None:
        """Sometimes somebody resets, bypasses or ends a bypass; what the book refuses the engine refuses."""
        for book in self.book:
            name, roll = book.row.name, self.rng.random()
            if roll < 0.08:
                self._durable(self.interlocks.reset(name, "Ann", ""), book.reset())
            elif roll < 0.12 and not book.bypass:
                seconds = self.rng.choice((1.0, 4.0, 20.0))
                self._durable(self.interlocks.bypass(name, "Ann", "test", round(seconds * SECOND), self.now), True)
                book.bypass, book.taken_off = seconds, False
            elif roll < 0.15:
                self._durable(self.interlocks.unbypass(name, "Ann", ""), bool(book.bypass))
                book.bypass, book.taken_off = 0.0, book.taken_off or bool(book.bypass)
                book.told = False

    def _durable(self, asked: InterlockChanged | str, allowed: bool) -> None:
        assert isinstance(asked, InterlockChanged) is allowed, asked
        if isinstance(asked, InterlockChanged):
            self.interlocks.apply(asked, self.now.utc, self.now.mono)

    def scan(self) -> None:
        for name in NAMES:
            if self.rng.random() < 0.2:
                self.inputs[name] = self.rng.choice((True, False, False, None))
        self.now = Now(self.now.mono + SECOND // 2, self.now.utc + self.rng.choice((SECOND // 2, SECOND // 2, -3600 * SECOND)))
        values = [float(bool(truth)) for truth in self.inputs.values()]
        qualities = [BAD_NO_COMMUNICATION if truth is None else GOOD for truth in self.inputs.values()]
        entries = self.interlocks.update(self.evaluate(values, qualities), self.now)
        expected = [(book.row.name, *event) for book in self.book for event in book.scan(cause_is(book.cause, self.inputs), self.book)]
        told = [(e.interlock, e.event, e.first_out) for e in entries if isinstance(e, InterlockChanged) and e.event != "bypass_ending"]
        assert told == expected
        assert self.interlocks.forced == self.forced()
        assert {name for name in self.interlocks.by_name if self.interlocks.by_name[name].first_out} == {
            book.row.name for book in self.book if book.first and book.tripped}  # fmt: skip

    def forced(self) -> dict[int, float]:
        """What the book's rows force together: where they differ the safe value, which is 0."""
        wanted: dict[int, list[float]] = {}
        for book in self.book:
            if book.forcing and not book.bypass:
                for tag, value in book.row.effects.items():
                    wanted.setdefault(tag, []).append(value)
        return {tag: 0.0 if 0.0 in values else values[0] for tag, values in wanted.items()}


Evaluate = Callable[[list[float], list[int]], list[Truth]]
_COMPILED: dict[tuple[str, ...], Evaluate] = {}


def _compiled(causes: tuple[str, ...]) -> Evaluate:
    if causes not in _COMPILED:
        _COMPILED[causes] = compile_set([parse(cause).source(NAMES.index, lambda name: "1") for cause in causes])
    return _COMPILED[causes]


def live(seed: int, sequences: int) -> int:
    """So many lives of sixty scans; how many trips there were in all."""
    rng = random.Random(seed)
    trips = 0
    for _ in range(sequences):
        life = Life(rng)
        for _ in range(60):
            life.people()
            life.scan()
            trips += sum(book.tripped for book in life.book)
    return trips


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_rows_do_what_the_book_says(seed: int):
    assert live(seed, 100) > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1050))
def test_a_hundred_thousand_lives_are_as_the_book_says(seed: int):
    assert live(seed, 2_000) > 0
