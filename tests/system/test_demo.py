"""The whole batch over sockets: two programs, a scripted operator, COMPLETE, and a record that agrees with the truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.site import lagan

pytestmark = pytest.mark.system

RARE_EARTHS = ("Nd", "Pr", "Dy", "Tb")
DEMO_S = 1800.0
AGREES = 3.0  # standard uncertainties
CLOSES = 0.025


def page(path: Path) -> str:
    return path.read_text()


async def test_demo_completes_over_sockets(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
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
    assert (await lagan("record", "verify", data))[0] == 0
    assert Path(result["record"]).parent == data
    assert result["batch"] in page(Path(result["record"]))
    code, shown, _ = await lagan("batch", "show", result["batch"], "--data", data, "--config", config)
    assert (code, result["batch"] in shown) == (0, True)
