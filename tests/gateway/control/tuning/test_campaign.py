"""Plants of any lag, dead time, load and noise: an experiment, a model, tunings, and how those do on the plant itself."""

from __future__ import annotations

import random
from itertools import pairwise

import msgspec
import pytest

from devices.quality import GOOD
from gateway.control.image import SECOND
from gateway.control.tuning.advice import advise
from gateway.control.tuning.fit import Record, fit
from gateway.control.tuning.model import Plant, Tuning, margins
from gateway.control.tuning.relay import Relay, RelayRow
from tests.gateway.control.tuning.plants import Lags, drive


def tuned(seed: int) -> tuple[Plant, dict[str, Tuning], float]:
    """A plant drawn by the seed, the tunings that an experiment on it led to, and its period."""
    rng = random.Random(seed)
    theta = rng.uniform(2.0, 20.0)
    lags = [theta * 10.0 ** rng.uniform(-0.3, 1.3), *([theta * rng.uniform(0.1, 0.5)] if rng.random() < 0.5 else [])]
    gain, h = 10.0 ** rng.uniform(-1.0, 1.0), theta / rng.uniform(10.0, 30.0)
    true = Plant(gain=gain, lags=tuple(lags), theta_s=round(theta / h) * h)
    swing = gain * min(theta / lags[0], 1.0)    # about what a relay of 1 gives
    noise = 0.02 * swing
    relay = Relay(RelayRow(reference=0.0, out=0.0, amplitude=1.0, hysteresis=3.0 * noise, low=-4.0, high=4.0, pv_low=-50.0 * gain,
                           pv_high=50.0 * gain, longest_ns=round(200.0 * (theta + lags[0]) * SECOND)))
    rest = round(20.0 * theta / h)

    def ask(now: int, pv: float) -> float | None:
        if now < rest * h * SECOND:
            return 0.0
        out = relay.step(now, pv, GOOD)
        return None if relay.ending is not None else out

    load = rng.uniform(-0.3, 0.3)
    plant = Lags(gain, lags, theta, h)
    for _ in range(round(20.0 * (lags[0] + theta) / h)):
        plant.step(load)                        # at rest under its load before anything is recorded
    begin = load * gain
    relay.row = msgspec.structs.replace(relay.row, reference=begin)
    rows = drive(plant, ask, load=load, noise=noise, seed=seed, begin=begin)
    assert relay.ending is not None
    assert relay.ending.reason == "done", (seed, relay.ending)
    moves = [rows[0], *(row for before, row in pairwise(rows) if row[1] != before[1])]
    found = fit(Record(t=[r[0] for r in rows], pv=[r[2] for r in rows], out_t=[m[0] for m in moves], out=[m[1] for m in moves]))
    return true.later(h / 2.0), {key: each.tuning for key, each in advise(found.plant, Tuning(gain=1.0), h).items()}, h


def judge(seed: int) -> None:
    """SIMC and AMIGO are stable on the plant itself, and no more nervous than a model that is a little wrong makes them."""
    true, tunings, _ = tuned(seed)
    for key, most in (("simc", 1.9), ("gentle", 1.4), ("amigo-pi", 1.6), ("amigo-pid", 1.6)):
        kept = margins(true, tunings[key])
        assert kept.stable, (seed, key, tunings[key], true)
        assert kept.ms < most, (seed, key, kept, tunings[key], true)


@pytest.mark.parametrize("seed", range(6))
def test_what_an_experiment_advises_holds_on_the_plant_itself(seed: int):
    judge(seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(10))
def test_what_experiments_advise_holds_on_five_hundred_plants(block: int):
    for seed in range(1000 + 50 * block, 1050 + 50 * block):
        judge(seed)
