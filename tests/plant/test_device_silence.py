"""A device that falls silent trips every row that hangs on it alone, after two polls without an answer and the scan that sees it."""

from __future__ import annotations

import pytest

from gateway.config.models import Config
from gateway.plant.reach import Reach
from gateway.records.store import MemoryJournal
from simulators.rehearsal import Rehearsal

BAD = 0x80000000
SCANS = 3                                       # two polls in a row without an answer, then the scan that trips


@pytest.fixture(scope="module")
def line(config: Config) -> Rehearsal:
    """The line at rest, every window filled."""
    rehearsal = Rehearsal(config, MemoryJournal(), seed=11)
    rehearsal.run(310)
    assert rehearsal.plant.scan.armed
    return rehearsal


def deciding(line: Rehearsal, device: str) -> set[str]:
    """Rows that are calm now and would not be with every value of this device lost."""
    parts, config = line.plant.scan.parts, line.config
    values, qualities = list(parts.image.value), list(parts.image.quality)
    for name, tag in config.tags.items():
        if tag.device == device:
            qualities[parts.image.index[name]] = BAD
    for derived in parts.derived:
        if any(qualities[i] & BAD for i in derived.row.of):
            qualities[derived.row.tag] = BAD
    then = parts.conditions(values, qualities)
    return {item.row.name for item, truth in zip(parts.interlocks.items, then, strict=False) if not item.active and truth is not False}


def recover(line: Rehearsal) -> None:
    """The device is back and a person resets."""
    line.dead.clear()
    line.run(4)
    for item in line.plant.scan.parts.interlocks.items:
        if item.tripped:
            line.command("interlock.reset", item.row.name)
    line.run(4)


@pytest.mark.fault("P10")
def test_every_silent_device_trips_what_hangs_on_it_alone_within_two_polls_and_a_scan(line: Rehearsal):
    config, interlocks = line.config, line.plant.scan.parts.interlocks
    quick = {tag.device for tag in config.tags.values() if tag.device is not None and tag.scan == "trip" and tag.output is None}
    tripped = 0
    for device in sorted(quick):
        expected = {name for name in deciding(line, device) if not interlocks.by_name[name].row.permissive}
        line.dead.add(device)
        began = line.now.mono
        for _ in range(SCANS):
            line.step()
        assert line.now.mono - began == SCANS * line.period_ns
        late = {name for name in expected if not interlocks.by_name[name].active}
        slow = {name for name in late if any(n in config.derived for n in names_of(line, name))}
        assert late == slow, f"{device}: {late - slow}"
        line.step()                             # what is computed once a second may see it a scan later
        assert {name for name in expected if not interlocks.by_name[name].active} == set()
        tripped += len(expected)
        recover(line)
    assert len(quick) >= 20
    assert tripped >= 60


def names_of(line: Rehearsal, name: str) -> list[str]:
    image, row = line.plant.image, line.plant.scan.parts.interlocks.by_name[name].row
    return [image.names[i] for i in row.inputs.values()]


def test_two_polls_two_requests_and_a_scan_fit_into_every_safety_time(config: Config):
    """Of every value that a trip hangs on: what the test above counts in scans, with the time of the requests, is short enough."""
    index = {name: k for k, name in enumerate([*config.tags, *config.derived])}
    reach = Reach(config, index)
    trip_s, checked = config.site.scan.trip_s, 0
    for name, row in config.interlocks.items():
        for tag in () if row.permissive else reach.read[name]:
            device = config.tags[tag].device if tag in config.tags else None
            if device is not None:
                request_s = config.links[config.devices[device].link].timeout_ms / 1000
                assert SCANS * trip_s + 2 * request_s <= row.safety_time_s, (name, tag)
                checked += 1
    assert checked > 200
