"""History keeps extremes, shows what it does not know, and costs the scan next to nothing."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path

import apsw
import pytest

from devices.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN, is_bad
from gateway.control.image import SECOND, Image, Now
from gateway.history.decimate import decimate
from gateway.history.recorder import HistoryThread, Recorder
from gateway.history.rows import History, query

T0 = 1_780_000_000 * SECOND


def line(history: History, n: int = 3, **deadband: float) -> tuple[Image, Recorder]:
    image = Image([f"TT-{i}" for i in range(n)], [5 * SECOND] * n)
    return image, Recorder(image, history, deadband)


def run(image: Image, recorder: Recorder, seconds: range, value) -> None:  # type: ignore[no-untyped-def]
    for s in seconds:
        for i in range(len(image.names)):
            image.put(i, value(s), GOOD, asked=s * SECOND, seen=s * SECOND, source=0)
        recorder.scan(Now(s * SECOND, T0 + s * SECOND))
    recorder.flush(Now(seconds.stop * SECOND, T0 + seconds.stop * SECOND))


def test_samples_come_back_with_their_quality(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    history.write(T0, [("TT-1", 60.5, GOOD), ("TT-2", math.nan, BAD_NO_COMMUNICATION)])
    history.write(T0 + SECOND, [("TT-1", 61.0, UNCERTAIN)])
    found = history.query("TT-1", T0, T0 + SECOND)
    assert (found.times, found.values, found.qualities) == ([T0, T0 + SECOND], [60.5, 61.0], [GOOD, UNCERTAIN])
    assert math.isnan(history.query("TT-2", T0, T0).values[0])
    assert history.query("no such tag", T0, T0).times == []
    history.close()


def test_a_query_starts_with_the_value_that_held_there(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    history.write(T0, [("TT-1", 60.5, GOOD)])
    found = history.query("TT-1", T0 + 30 * SECOND, T0 + 40 * SECOND)
    assert (found.times, found.values) == ([T0 + 30 * SECOND], [60.5])
    history.close()


def test_only_changes_beyond_the_deadband_are_written(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    image, recorder = line(history, 1, **{"TT-0": 0.5})
    run(image, recorder, range(1, 31), lambda s: 60 + 0.1 * s)
    values = history.query("TT-0", T0, T0 + 60 * SECOND).values
    assert values == pytest.approx([60.1, 60.7, 61.3, 61.9, 62.5], abs=0.11)
    history.close()


def test_a_value_that_stands_still_shows_life_every_minute(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    image, recorder = line(history, 1)
    run(image, recorder, range(1, 601), lambda s: 20.0)
    times = history.query("TT-0", T0, T0 + 700 * SECOND).times
    assert max(b - a for a, b in itertools.pairwise(times)) <= 60 * SECOND
    assert len(times) <= 12
    history.close()


def test_loss_of_quality_is_written_though_the_value_stands(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    image, recorder = line(history, 1, **{"TT-0": 100.0})
    run(image, recorder, range(1, 10), lambda s: 20.0)
    image.spoil([0], BAD_NO_COMMUNICATION)
    recorder.scan(Now(11 * SECOND, T0 + 11 * SECOND))
    run(image, recorder, range(12, 14), lambda s: 20.0)
    assert [is_bad(q) for q in history.query("TT-0", T0, T0 + 20 * SECOND).qualities] == [False, True, False]
    history.close()


def test_a_number_after_no_number_is_written_and_no_number_is_not_written_twice(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    image, recorder = line(history, 1)
    for s, value in enumerate([math.nan, math.nan, math.nan, 5.0], start=1):
        image.put(0, value, BAD_NO_COMMUNICATION, asked=s, seen=s, source=0)
        recorder.scan(Now(s * SECOND, T0 + s * SECOND))
    recorder.flush(Now(5 * SECOND, T0 + 5 * SECOND))
    assert [math.isnan(value) for value in history.query("TT-0", T0, T0 + 20 * SECOND).values] == [True, False]
    history.close()


def test_the_time_the_plant_process_was_down_is_a_gap(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    history.resume(T0)
    history.write(T0, [("TT-1", 60.0, GOOD)])
    history.close()
    history = History.open(tmp_path)
    history.resume(T0 + 600 * SECOND)
    history.write(T0 + 600 * SECOND, [("TT-1", 40.0, GOOD)])
    found = history.query("TT-1", T0, T0 + 700 * SECOND)
    assert [is_bad(q) for q in found.qualities] == [False, True, False]
    assert [gap.cause for gap in history.gaps(T0, T0 + 700 * SECOND)] == ["the plant process was down"]
    history.close()


def test_thinning_keeps_every_extreme_and_every_hole() -> None:
    rng = random.Random(3)
    rows = [(t, rng.gauss(50, 1), GOOD) for t in range(50_000)]
    rows[12_345] = (12_345, 99.0, GOOD)
    rows[40_001] = (40_001, -7.0, GOOD)
    rows[30_000] = (30_000, math.nan, BAD_NO_COMMUNICATION)
    kept = decimate(rows, 500)
    assert len(kept) <= 500
    assert kept == sorted(kept, key=lambda row: row[0])
    assert {rows[0], rows[-1], rows[12_345], rows[40_001]} <= set(kept)
    assert [row[0] for row in kept if is_bad(row[2])] == [30_000]


def test_few_samples_are_left_alone() -> None:
    rows = [(t, float(t), GOOD) for t in range(10)]
    assert decimate(rows, 10) == rows


def test_a_query_works_beside_the_writer_and_without_it(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    for k in range(20):
        history.write(T0 + k * SECOND, [("TT-1", float(k), GOOD)])
    assert len(query(tmp_path, "TT-1", T0, T0 + 60 * SECOND).times) == 20
    history.close()
    assert len(query(tmp_path, "TT-1", T0, T0 + 60 * SECOND).times) == 20


def test_the_writing_thread_keeps_what_was_queued_when_it_closes(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    thread = HistoryThread(history)
    (number,) = history.ids(["TT-1"])
    for k in range(100):
        thread.deliver([(number, T0 + k, float(k), GOOD)])
    thread.close()
    assert len(history.query("TT-1", T0, T0 + SECOND).times) == 100
    history.close()


@pytest.mark.fault("S01")
def test_a_full_disk_drops_trends_and_says_so(tmp_path: Path) -> None:
    history = History.open(tmp_path)
    (number,) = history.ids(["TT-1"])
    limit = history._connection.pragma("max_page_count", history._connection.pragma("page_count"))
    assert limit
    thread = HistoryThread(history)
    thread.deliver([(number, T0 + k, float(k), GOOD) for k in range(20_000)])
    thread.close()
    assert thread.failed is not None
    assert "full" in thread.failed
    assert thread.dropped == 20_000
    history._connection.pragma("max_page_count", 10**6)
    thread = HistoryThread(history)
    thread.close()
    history.close()


def test_a_newer_history_is_not_touched(tmp_path: Path) -> None:
    History.open(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "history.db"))
    connection.execute("PRAGMA user_version=9")
    connection.close()
    with pytest.raises(ValueError, match="format 9"):
        History.open(tmp_path)
