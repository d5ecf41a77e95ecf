"""The whole batch over sockets: two programs, a scripted operator, COMPLETE, and a record that agrees with the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.system.site import lagan

pytestmark = pytest.mark.system

RARE_EARTHS = ("Nd", "Pr", "Dy", "Tb")
DEMO_S = 1800.0
AGREES = 3.0  # standard uncertainties
CLOSES = 0.025
SAME = 0.5  # standard uncertainties between the record of the demo and that of its rehearsal
SAME_TIME, SAME_TRUTH = 0.01, 0.005  # relative


def page(path: Path) -> str:
    return path.read_text()


async def as_rehearsed(config: Path, demo: dict[str, Any]) -> None:
    """The same batch without sockets: the tolerances stand in docs/reference/simulator.md."""
    code, out, err = await lagan("rehearse", config, "--json", within_s=DEMO_S)
    assert code == 0, err
    rehearsed = json.loads(out.splitlines()[-1])
    assert rehearsed["state"] == demo["state"]
    assert rehearsed["plant_seconds"] == pytest.approx(demo["plant_seconds"], rel=SAME_TIME)
    for element in RARE_EARTHS:
        one, other = demo["balance"][element], rehearsed["balance"][element]
        for name in (key for key in one if not key.startswith("u_")):
            assert abs(one[name] - other[name]) <= SAME * one[f"u_{name}"] + 1e-9, (element, name, one[name], other[name])
        fed = demo["truth"][element]["in_kg"]
        for name, value in demo["truth"][element].items():
            share = fed if name.endswith("_kg") else 1.0
            assert abs(value - rehearsed["truth"][element][name]) <= SAME_TRUTH * share, (element, name)


async def test_demo_completes_over_sockets_as_it_was_rehearsed(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = tmp_path / "data"
    code, out, err = await lagan("demo", config, "--json", "--data", data, within_s=DEMO_S)
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["state"] == "COMPLETE"
    with capsys.disabled():
        print(f"\ndemo: {result['plant_seconds'] / 3600:.2f} h of plant time in {result['wall_seconds']:.0f} s")
    for element in RARE_EARTHS:
        recorded, true = result["balance"][element], result["truth"][element]
        for name, least in (("leach_extraction", 0.98), ("recovery", 0.95)):
            assert true[name] >= least, (element, name, true[name])
            assert abs(recorded[name] - true[name]) <= AGREES * recorded[f"u_{name}"], (element, name, recorded, true)
        assert recorded["u_closure"] <= CLOSES, (element, recorded)
        assert abs(recorded["closure"] - 1.0) <= AGREES * recorded["u_closure"], (element, recorded)
        assert true["closure"] == pytest.approx(1.0, abs=1e-6)
    await as_rehearsed(config, result)
    assert (await lagan("record", "verify", data))[0] == 0
    assert Path(result["record"]).parent == data
    assert result["batch"] in page(Path(result["record"]))
    code, shown, _ = await lagan("batch", "show", result["batch"], "--data", data, "--config", config)
    assert (code, result["batch"] in shown) == (0, True)
