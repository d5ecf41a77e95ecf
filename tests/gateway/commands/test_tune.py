"""lagan tune on a data directory: what history and journal hold becomes a model, a table, a picture; what is wrong is said."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.quality import BAD_NO_COMMUNICATION, GOOD
from gateway.cli import _parser, main
from gateway.commands.tune import study, wrong
from gateway.commands.tune_record import sources
from gateway.commands.tune_show import plain
from gateway.config.loading import load
from gateway.control.chain import Entry, LoopTuned, LoopTuning
from gateway.control.image import SECOND, Now
from gateway.control.tuning.fit import Unfit
from gateway.history.rows import History, Sample
from gateway.paths import belfast_config
from gateway.plant import Plant, build
from gateway.records.journal import Journal
from tests.gateway.control.tuning.plants import Lags, drive

T0 = 1_783_756_800 * SECOND                     # 2026-07-11 08:00:00 UTC
LAG, THETA, GAIN = 40.0, 6.0, 0.5


@pytest.fixture(scope="module")
def plant() -> Plant:
    return build(load(belfast_config()))


def write(data: Path, *, moves: Callable[[float], float] = lambda t: 60.0 + 10.0 * (t // 120 % 2), lost: tuple[int, int] = (0, 0),
          entries: list[tuple[float, Entry]] | None = None) -> Path:
    """Twenty minutes of TIC-1012 in a history: TT-1013 follows the hot half of the split range by 0.5 K/%, 40 s and 6 s."""
    history = History.open(data)
    pv_id, hot_id, cold_id = history.ids(["TT-1013", "TV-1011H", "TV-1011C"])
    rows = drive(Lags(GAIN, [LAG], THETA, 0.5, start=60.0), lambda now, pv: None if now > 1200 * SECOND else moves(now / SECOND),
                 noise=0.05, seed=6, begin=30.0)
    samples: list[Sample] = []
    last = -1.0
    for t, out, pv in rows:
        at = T0 + round(t * SECOND)
        quality = BAD_NO_COMMUNICATION if lost[0] <= t < lost[1] else GOOD
        samples += [(hot_id, at, (out - 50.0) * 2.0, quality), (cold_id, at, 0.0, GOOD)]
        if abs(pv - last) > 0.12:
            samples.append((pv_id, at, pv, GOOD))
            last = pv
    history.keep(samples)
    history.close()
    journal = Journal.open(data)
    for at, entry in entries or []:
        journal.append([entry], Now(round(at * SECOND), T0 + round(at * SECOND)))
    journal.close()
    return data


def given(*arguments: Any) -> argparse.Namespace:
    """The words of the command."""
    return _parser().parse_args(["tune", *map(str, arguments)])


def told(plant: Plant, *arguments: Any) -> dict[str, Any]:
    """What the command says as JSON."""
    loop = plant.scan.parts.loops["TIC-1012"]
    return msgspec.json.decode(msgspec.json.encode(plain(study(plant, loop, given("TIC-1012", *arguments)))))


def test_twenty_minutes_of_history_give_the_plant_and_tunings_that_hold(tmp_path: Path, plant: Plant):
    found = told(plant, "--data", write(tmp_path), "--minutes", 20)
    model = found["model"]
    assert (model["gain"], model["lag_s"], model["theta_s"]) == (
        pytest.approx(GAIN, rel=0.05), pytest.approx(LAG, rel=0.05), pytest.approx(THETA, abs=0.6))
    assert [row["key"] for row in found["tunings"]] == ["present", "simc", "gentle", "amigo-pi", "amigo-pid"]
    present, simc, gentle = found["tunings"][:3]
    assert (present["gain"], present["ti_s"], present["rule"]) == (3.7, 420.0, "configured")
    assert 1.4 < simc["ms"] < 1.75
    assert gentle["ms"] < simc["ms"]
    assert gentle["gain"] == pytest.approx(simc["gain"] / 2, rel=0.01)


def test_a_stretch_of_time_is_named_in_utc(tmp_path: Path, plant: Plant):
    found = told(plant, "--data", write(tmp_path), "--history", "2026-07-11T08:02", "2026-07-11T08:12")
    assert found["seconds"] == pytest.approx(600.0, abs=1.0)
    assert found["model"]["lag_s"] == pytest.approx(LAG, rel=0.1)


def test_a_time_in_which_the_output_was_not_known_is_left_out_and_said(tmp_path: Path, plant: Plant):
    found = told(plant, "--data", write(tmp_path, lost=(300, 420)), "--minutes", 20)
    assert found["seconds"] == pytest.approx(780.0, abs=6.0)
    assert any("not known all the time" in words for words in found["warnings"])
    assert found["model"]["lag_s"] == pytest.approx(LAG, rel=0.1)


def test_the_last_experiment_is_found_in_the_journal_with_the_rest_before_it(tmp_path: Path, plant: Plant):
    result = {"pu_s": 30.0, "ku": 12.0, "a": 1.1, "d": 10.0, "bias": 0.0, "offset": 0.0, "periods": 3.0}
    entries: list[tuple[float, Entry]] = [
        (400.0, LoopTuning(loop="TIC-1012", event="begun", amplitude=10.0)),
        (1000.0, LoopTuning(loop="TIC-1012", event="ended", reason="done", result=result)),
        (1100.0, LoopTuning(loop="TIC-1022", event="ended", reason="time")),
    ]
    found = told(plant, "--data", write(tmp_path, entries=entries), "--last")
    assert found["seconds"] == pytest.approx(900.0, abs=1.0)
    assert found["experiment"] == {"reason": "done", **result}


def test_the_present_tuning_is_the_one_that_was_accepted_while_its_configuration_stands(tmp_path: Path, plant: Plant):
    of_now = LoopTuned(loop="TIC-1012", gain=2.5, ti_s=70.0, gain_configured=3.7, ti_configured_s=420.0)
    of_another = LoopTuned(loop="TIC-1012", gain=9.0, ti_s=70.0, gain_configured=4.0, ti_configured_s=420.0)
    found = told(plant, "--data", write(tmp_path, entries=[(1.0, of_now), (2.0, of_another)]), "--minutes", 20)
    present = found["tunings"][0]
    assert (present["gain"], present["ti_s"], present["rule"]) == (2.5, 70.0, "accepted")


def test_a_person_sees_the_record_the_model_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "100")
    picture = tmp_path / "tune.svg"
    assert main(["tune", "TIC-1012", "--data", str(write(tmp_path)), "--minutes", "20", "--svg", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 100 for line in lines[:18])
    assert "pv .  model -  both *  output #" in lines[17]
    assert any(line.startswith("model: gain 0.") and "dead time" in line for line in lines)
    assert any(line.startswith("present") and "configured" in line for line in lines)
    root = ElementTree.parse(picture).getroot()
    lines_of = [element.get("class") for element in root.iter("{http://www.w3.org/2000/svg}path")]
    assert {"l pv", "l m", "l o"} <= set(lines_of)


# --- what is wrong -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["TIC-1013"], "no loop 'TIC-1013'; nearest is TIC-10"),
        (["SIC-1011"], "SIC-1011 is a direct loop"),
        (["TIC-1012", "--relay", "--why", "test"], "--relay needs --amplitude, --hysteresis, --pv-low, --pv-high"),
        (["TIC-1012", "--accept", "simc"], "--accept needs --why"),
        (["TIC-1012", "--history", "soon", "later"], "--history: Invalid isoformat string: 'soon'"),
        (["TIC-1012", "--history", "2026-07-11T09:00", "2026-07-11T08:00"], "is not before"),
    ],
)
def test_words_that_mean_nothing_are_answered_with_what_would(arguments: list[str], words: str, plant: Plant):
    assert words in wrong(plant.config, given(*arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--minutes", "20"], "the output did not move"),
        (["--last"], "the journal knows no experiment on TIC-1012"),
        (["--history", "2020-01-01", "2020-01-02"], "the history holds no samples of TT-1013"),
    ],
)
def test_where_no_model_follows_it_says_why(tmp_path: Path, arguments: list[str], words: str, plant: Plant):
    with pytest.raises(Unfit, match=words):
        told(plant, "--data", write(tmp_path, moves=lambda t: 60.0), *arguments)


def test_without_a_history_or_a_plant_process_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tune", "TIC-1012", "--data", str(tmp_path)]) == 1
    assert "no history" in capsys.readouterr().err
    assert main(["tune", "TIC-1012", "--data", str(tmp_path), "--accept", "configured", "--why", "back"]) == 1
    assert "no plant process" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_where_an_output_stands_in_the_history(plant: Plant):
    config = plant.config
    assert sources(config, "TIC-1012").tags == ("TV-1011H", "TV-1011C")
    assert sources(config, "FIC-202").tags == ("SY-202",)
    assert sources(config, "TIC-1011").tags == ("TY-1012",)
    without = config.model_copy(update={"tags": {name: tag for name, tag in config.tags.items() if name != "TY-1012"}})
    outer = sources(without, "TIC-1011")
    assert outer.tags == ("TT-1013",)
    assert "internal: loop.TIC-1011.out" in outer.note
