"""Loops over loops: an outer one keeps up while the inner does not listen or can do no more; overrides do not wind up."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.control.image import SECOND
from gateway.control.loop import Loop, LoopRow
from tests.gateway.control.small import STEP, TI, TV, Small


def running() -> Small:
    plant = Small()
    plant.run(4)
    return plant


@pytest.mark.parametrize("inner", ["MANUAL", "AUTO"])
def test_while_the_inner_loop_listens_to_a_person_the_outer_one_keeps_up_and_cascade_does_not_bump(inner: str):
    plant = running()
    if inner == "AUTO":
        plant.ask("loop.set", "JIC", mode="AUTO", sp=35.0)
    else:
        plant.ask("loop.set", "JIC", mode="MANUAL", out=30.0)
    plant.ask("loop.set", "TIC", mode="AUTO", sp=60.0)
    plant.run(400)                              # 200 s with an error of 40 K: it would have wound up
    stands = 35.0 if inner == "AUTO" else 20.0  # the inner setpoint, or where its pv is
    assert plant.loops["TIC"].out == pytest.approx(stands)
    before = plant.loops["JIC"].out
    plant.ask("loop.set", "JIC", mode="CASCADE")
    plant.run(2)
    assert plant.loops["JIC"].mode == "CASCADE"
    assert plant.loops["JIC"].out == pytest.approx(before, abs=0.01)        # in %, of the whole range
    plant.run(2)
    assert plant.loops["JIC"].sp == pytest.approx(stands, abs=0.5)


def test_an_outer_loop_does_not_wind_up_while_the_inner_one_can_do_no_more():
    """The jacket is at its end and stays cold: what the outer loop asks for stays near what the jacket can reach."""
    plant = running()
    plant.ask("loop.set", "JIC", mode="CASCADE")
    plant.ask("loop.set", "TIC", mode="AUTO", sp=60.0)
    plant.run(4)
    plant.show(TI, 59.0)                        # an error of 1 K: 2 K of jacket by the outer gain
    plant.run(2400)
    assert plant.loops["JIC"].saturated
    assert plant.loops["TIC"].out <= 20.0 + 2.0 + 1.0
    plant.show(TI, 61.0)
    plant.run(4)
    assert plant.loops["TIC"].out < 20.0        # it turns at once


def test_the_outer_loop_follows_an_inner_one_that_is_forced():
    """A trip holds the valve shut for ten minutes: of what the controller would have liked nothing is stored up, 1,200 % otherwise."""
    plant = running()
    plant.ask("loop.set", "JIC", mode="AUTO", sp=60.0)
    plant.run(100)
    assert plant.loops["JIC"].out > 50.0
    plant.show(0, 95.0)                         # level trip: TV to 0
    plant.run(1200)
    assert plant.loops["JIC"].law.show()["tracking"] == 0.0
    plant.show(0, 50.0)
    plant.run(4)
    plant.ask("interlock.reset", "level_high")
    plant.run(3)
    assert plant.loops["JIC"].law.show()["terms"]["i"] == pytest.approx(0.0, abs=5.0)  # pyright: ignore


def overridden() -> tuple[Small, Loop, Loop, Loop]:
    """Two controllers over one valve by a low selector: the temperature normally, the jacket as a limit."""
    plant = Small()
    def pid(name: str, pv: int) -> Loop:
        tuning: dict[str, Any] = {"gain": 2.0, "ti_s": 60.0, "sp_low": 0.0, "sp_high": 90.0}
        return Loop(LoopRow(name=name, kind="pid", unit="R-1", period_ns=STEP, pv=pv, inner="UY", **tuning))

    a, b = pid("TIC", 1), pid("JIC", 2)
    select = Loop(LoopRow(name="UY", kind="select", unit="R-1", period_ns=STEP, output=TV, pick="low"))
    plant.loops.clear()
    plant.loops.update({"TIC": a, "JIC": b, "UY": select})
    plant.parts.loop_order[:] = ["TIC", "JIC", "UY"]
    plant.run(4)
    return plant, a, b, select


def test_the_controller_that_was_not_chosen_waits_just_beside_and_takes_over_at_once():
    plant, temperature, jacket, select = overridden()
    plant.show(1, 50.0)
    plant.show(2, 50.0)
    for name, sp in (("TIC", 60.0), ("JIC", 80.0)):
        plant.ask("loop.set", name, mode="AUTO", sp=sp)
    assert plant.ask("loop.set", "UY", mode="AUTO") == ""
    plant.run(600)
    assert select.limited_by in ("TIC", "JIC")
    plant.show(1, 60.0)                         # the tank is where it shall be
    plant.run(1200)
    assert select.limited_by == "TIC"
    assert jacket.out <= select.out + 2.0 * 30.0 + 1.0          # gain times its error above, no further
    plant.show(2, 90.0)                         # the jacket is 10 K over its limit
    plant.run(3)
    assert select.limited_by == "JIC"
    assert select.out < temperature.out


def test_a_controller_of_an_override_taken_to_manual_takes_no_part():
    plant, _, jacket, select = overridden()
    for name, sp in (("TIC", 60.0), ("JIC", 0.0)):
        plant.ask("loop.set", name, mode="AUTO", sp=sp)
    plant.ask("loop.set", "UY", mode="AUTO")
    plant.run(4)
    assert select.limited_by == "JIC"
    plant.ask("loop.set", "JIC", mode="MANUAL", out=0.0)
    plant.run(4)
    assert select.limited_by == "TIC"
    assert jacket.mode == "MANUAL"


def test_a_rate_limited_output_is_what_the_controller_follows():
    plant = running()
    item = plant.parts.outputs.by_tag[TV]
    item.row = type(item.row)(**{**{f: getattr(item.row, f) for f in item.row.__struct_fields__}, "rate_per_s": 0.5})
    plant.ask("loop.set", "JIC", mode="AUTO", sp=60.0)
    plant.run(60)
    assert item.commanded is not None
    assert item.commanded < 30.0
    assert plant.loops["JIC"].law.show()["tracking"] == pytest.approx(item.commanded, abs=0.5)


assert SECOND == 2 * STEP
