"""Every cell of both alarm tables, driven through the engine; delays, deadband, unknown and what is put aside, cell by cell."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.control.alarm import LISTED, PEOPLE, AlarmRow, Alarms
from gateway.control.chain import AlarmChanged, Entry
from gateway.control.image import SECOND, Now
from gateway.control.machine import ALARM, LATCHING_ALARM
from tests.gateway.control.test_machine import EVENTS, ISA_18_2, cells

Truth = bool | None
HOUR_NS = 3600 * SECOND


class Bench:
    """One alarm brought into any state, as after a restart, and looked at once a second."""

    def __init__(self, state: str = "NORM", **row: Any) -> None:
        self.alarms = Alarms([AlarmRow(**{"name": "A", "unit": "R-101", "priority": "high", **row})])
        self.item = self.alarms.items[0]
        self.now = Now(HOUR_NS, 10**18)
        if state != "NORM":
            self.item.restore(AlarmChanged(alarm="A", was="NORM", now=state, until_utc=self.now.utc + HOUR_NS), self.now.utc)

    def scan(self, truth: Truth, stay: Truth = None, *, hide: Truth = False, times: int = 1) -> list[Entry]:
        found: list[Entry] = []
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND, self.now.utc + SECOND)
            found += self.alarms.update([truth], [hide], self.now, [stay] if self.item.row.stays else [])
        return found

    def ask(self, event: str) -> list[Entry] | str:
        return self.alarms.command("A", event, "Ann", "test", self.now, HOUR_NS)


def cause(bench: Bench, event: str) -> list[Entry] | str:
    """Bring an event about as the plant or a person does, with everything else as it is."""
    hidden = bench.item.state == "DSUPR"
    if event in PEOPLE:
        return bench.ask(event)
    if event in ("SUPPRESS", "UNSUPPRESS"):
        return bench.scan(bench.item.live, hide=event == "SUPPRESS")
    return bench.scan(event == "ALARM", hide=hidden)


def drive(bench: Bench, state: str, event: str, after: str) -> None:
    was, group = bench.item.state, bench.item.group.listed
    found = cause(bench, event)
    if after == "-":
        assert bench.item.state == was
        assert bench.item.group.listed == group
        if event in PEOPLE:
            assert isinstance(found, str)
            assert f"{event} is not possible in {state}" in found
        else:
            assert found == []
        return
    assert not isinstance(found, str)
    (entry,) = [each for each in found if isinstance(each, AlarmChanged)]
    assert (entry.was, entry.now, bench.item.state) == (state, after, after)
    assert (entry.who != "") is (event in PEOPLE)
    assert bench.item.group.listed == (after in LISTED)


@pytest.mark.parametrize(("state", "event", "after"), cells(ISA_18_2, EVENTS, 0))
def test_every_event_in_every_state_leads_where_the_standard_says_or_changes_nothing(state: str, event: str, after: str):
    drive(Bench(state), state, event, after)


@pytest.mark.parametrize(("state", "event", "after"), cells(ISA_18_2, EVENTS, 1))
def test_every_event_in_every_state_of_a_latching_alarm_likewise(state: str, event: str, after: str):
    drive(Bench(state, latch=True), state, event, after)


def test_the_cells_driven_are_all_cells_of_both_tables():
    for table, which in ((ALARM, 0), (LATCHING_ALARM, 1)):
        written = {(state, event): after for state, event, after in cells(ISA_18_2, EVENTS, which)}
        assert set(written) == set(itertools.product(table, EVENTS))
        assert {cell: after for cell, after in written.items() if after != "-"} == {
            (state, event): after for state, row in table.items() for event, after in row.items()
        }


# --- delays x deadband x unknown x what is put aside -------------------------------------------------------------------
# Where the value is: (the condition that raises, the condition that keeps standing).
PLACES: dict[str, tuple[Truth, Truth]] = {
    "normal": (False, False), "in_band": (False, True), "beyond": (True, True), "unknown": (None, None),
}  # fmt: skip
ASIDES = ("nothing", "suppressed", "shelved", "out_of_service")
ROWS = list(itertools.product((0, 2), (0, 3), (False, True), (False, True)))        # on delay, off delay (s), deadband, on_unknown


def row(on_s: int, off_s: int, band: bool, on_unknown: bool) -> dict[str, Any]:
    return {"on_delay_ns": on_s * SECOND, "off_delay_ns": off_s * SECOND, "stays": band, "on_unknown": on_unknown}


def put_aside(bench: Bench, aside: str) -> bool:
    """Put the alarm aside; whether it is to be hidden from now on."""
    if aside in ("shelved", "out_of_service"):
        assert not isinstance(bench.ask("SHELVE" if aside == "shelved" else "DISABLE"), str)
    return aside == "suppressed"


def bring_back(bench: Bench, aside: str) -> None:
    if aside in ("shelved", "out_of_service"):
        assert not isinstance(bench.ask("UNSHELVE" if aside == "shelved" else "ENABLE"), str)


@pytest.mark.parametrize(("on_s", "off_s", "band", "on_unknown"), ROWS)
@pytest.mark.parametrize("aside", ASIDES)
@pytest.mark.parametrize("place", PLACES)
def test_an_alarm_that_stands(on_s: int, off_s: int, band: bool, on_unknown: bool, aside: str, place: str):
    bench = Bench(**row(on_s, off_s, band, on_unknown))
    bench.scan(*PLACES["beyond"], times=on_s + 1)
    assert bench.item.state == "UNACK"
    hide = put_aside(bench, aside)
    kept = {"nothing": "UNACK", "suppressed": "DSUPR", "shelved": "SHLVD", "out_of_service": "OOSRV"}[aside]
    goes = place == "normal" or (place == "in_band" and not band)
    bench.scan(*PLACES[place], hide=hide, times=max(off_s, 1))
    assert bench.item.state == ("RTNUN" if aside == "nothing" and goes and not off_s else kept)  # not before its off delay
    bench.scan(*PLACES[place], hide=hide, times=3)
    assert bench.item.state == ("RTNUN" if aside == "nothing" and goes else kept)
    bring_back(bench, aside)
    bench.scan(*PLACES[place], times=2)
    back = "RTNUN" if aside == "nothing" else "NORM"
    assert bench.item.state == (back if goes else "UNACK")  # what still stands is told again


@pytest.mark.parametrize(("on_s", "off_s", "band", "on_unknown"), ROWS)
@pytest.mark.parametrize("aside", ASIDES)
@pytest.mark.parametrize("place", PLACES)
def test_an_alarm_that_does_not_stand(on_s: int, off_s: int, band: bool, on_unknown: bool, aside: str, place: str):
    bench = Bench(**row(on_s, off_s, band, on_unknown))
    hide = put_aside(bench, aside)
    kept = {"nothing": "NORM", "suppressed": "DSUPR", "shelved": "SHLVD", "out_of_service": "OOSRV"}[aside]
    comes = place == "beyond" or (place == "unknown" and on_unknown)
    bench.scan(*PLACES[place], hide=hide, times=max(on_s, 1))
    assert bench.item.state == ("UNACK" if aside == "nothing" and comes and not on_s else kept)
    bench.scan(*PLACES[place], hide=hide, times=3)
    assert bench.item.state == ("UNACK" if aside == "nothing" and comes else kept)
    bring_back(bench, aside)
    bench.scan(*PLACES[place], times=2)
    assert bench.item.state == ("UNACK" if comes else "NORM")


@pytest.mark.parametrize(("on_s", "off_s"), list(itertools.product((0, 1, 4), (0, 1, 4))))
def test_delays_hold_to_the_second_and_begin_anew_when_the_condition_breaks(on_s: int, off_s: int):
    bench = Bench(**row(on_s, off_s, False, False))
    for _ in range(3):
        bench.scan(True, times=on_s)
        bench.scan(False)
    assert bench.item.state == "NORM"
    bench.scan(True, times=on_s)
    assert bench.item.state == "NORM"
    bench.scan(True)
    assert bench.item.state == "UNACK"
    for _ in range(3):
        bench.scan(False, times=off_s)
        bench.scan(True)
    assert bench.item.state == "UNACK"
    bench.scan(False, times=off_s)
    assert bench.item.state == "UNACK"
    bench.scan(False)
    assert bench.item.state == "RTNUN"


def test_unknown_between_two_moments_of_a_delay_begins_it_anew():
    bench = Bench(on_delay_ns=3 * SECOND)
    bench.scan(True, times=3)
    bench.scan(None)
    bench.scan(True, times=3)
    assert bench.item.state == "NORM"
    bench.scan(True)
    assert bench.item.state == "UNACK"


# --- whatever happens --------------------------------------------------------------------------------------------------
moves = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([*PEOPLE, "beyond", "in_band", "normal", "unknown", "hide"])), min_size=1, max_size=40
)


@given(moves=moves, latch=st.booleans(), on_s=st.integers(0, 2), off_s=st.integers(0, 2), band=st.booleans())
@settings(max_examples=150)
def test_whatever_happens_the_journal_alone_says_how_all_alarms_of_a_group_stand(
    moves: list[tuple[int, str]], latch: bool, on_s: int, off_s: int, band: bool
):
    rows = [AlarmRow(name=f"A{k}", unit="R-101", priority="high", group="g" if k < 3 else "", latch=latch, stays=band,
                     on_delay_ns=on_s * SECOND, off_delay_ns=off_s * SECOND) for k in range(4)]  # fmt: skip
    live, folded = Alarms(rows), Alarms(rows)
    places, hidden = ["normal"] * 4, [False] * 4
    now = Now(HOUR_NS, 10**18)
    for which, what in moves:
        found: list[Entry] | str = []
        if what in PEOPLE:
            found = live.command(f"A{which}", what, "Ann", "test", now, 2 * SECOND)
        elif what == "hide":
            hidden[which] = not hidden[which]
        else:
            places[which] = what
        now = Now(now.mono + SECOND, now.utc + SECOND)
        truths, stays = ([PLACES[place][k] for place in places] for k in (0, 1))
        entries = [] if isinstance(found, str) else found
        entries = [*entries, *live.update(truths, hidden, now, stays if band else [])]
        for entry in entries:
            if isinstance(entry, AlarmChanged):
                assert entry.was != entry.now
                folded.restore(entry, now.utc)
        assert [i.state for i in folded.items] == [i.state for i in live.items]
        assert [i.first_out for i in folded.items] == [i.first_out for i in live.items]
        listed = [item for item in live.items[:3] if item.state in LISTED]
        assert live.items[0].group.listed == folded.items[0].group.listed == len(listed)
        assert sum(item.first_out for item in live.items) <= 1
        assert not live.items[3].first_out
