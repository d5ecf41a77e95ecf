"""The fit finds plants again that are known: from a step, from any movement of the output, from a relay; with noise and gaps."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from devices.quality import GOOD
from gateway.control.image import SECOND
from gateway.control.tuning.fit import Fit, Record, Unfit, fit, held
from gateway.control.tuning.relay import Relay, RelayRow
from tests.gateway.control.tuning.plants import Lags, drive

Rows = list[tuple[float, float, float]]


def record(rows: Rows, every: int = 1) -> Record:
    """Rows of (s, out, pv) as they would stand in a history: the output where it changed, and that it was 0 before."""
    changes = [(rows[0][0] - 1.0, 0.0, 0.0), rows[0], *(row for before, row in pairwise(rows) if row[1] != before[1])]
    kept = rows[::every]
    return Record(t=[r[0] for r in kept], pv=[r[2] for r in kept], out_t=[c[0] for c in changes], out=[c[1] for c in changes])


def step(plant: Lags, seconds: float, at: float = 2.0, size: float = 1.0, noise: float = 0.0, seed: int = 1, begin: float = 0.0) -> Rows:
    """A step of the output."""
    return drive(plant, lambda now, pv: None if now > seconds * SECOND else size if now >= at * SECOND else 0.0, noise=noise, seed=seed,
                 begin=begin)


def close(found: Fit, gain: float, lag: float, theta: float, rel: float, theta_abs: float = 0.0) -> None:
    """The model is that of the plant, within a share (or, of the dead time, so many seconds)."""
    assert found.plant.gain == pytest.approx(gain, rel=rel)
    assert found.plant.lags == pytest.approx((lag,), rel=rel)
    assert found.plant.theta_s == pytest.approx(theta, rel=rel, abs=theta_abs)


@pytest.mark.parametrize(("gain", "lag", "theta"), [(1.0, 10.0, 1.0), (2.5, 1.0, 1.0), (-0.3, 40.0, 5.0), (0.004, 300.0, 20.0)])
def test_a_clean_step_gives_the_plant_back_to_a_thousandth(gain: float, lag: float, theta: float):
    h = theta / 20.0
    found = fit(record(step(Lags(gain, [lag], theta, h), 4.0 * lag + theta + 2.0)))
    close(found, gain, lag, theta, 1e-3)
    assert found.explained > 0.999
    assert found.warnings == ()


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_noise_of_two_percent_of_the_step_costs_a_few_percent_and_the_uncertainty_says_so(seed: int):
    found = fit(record(step(Lags(2.0, [10.0], 3.0, 0.25), 70.0, at=15.0, noise=0.04, seed=seed)))
    close(found, 2.0, 10.0, 3.0, 0.06)
    assert found.residual == pytest.approx(0.04, rel=0.2)
    for value, truth, u in ((found.plant.gain, 2.0, found.u["gain"]), (found.plant.lags[0], 10.0, found.u["lag_s"]),
                            (found.plant.theta_s, 3.0, found.u["theta_s"])):
        assert abs(value - truth) < 4.0 * u


def test_the_standard_uncertainty_is_the_scatter_over_many_records():
    """Of 25 records with other noise: their scatter, against what each says of itself."""
    found = [fit(record(step(Lags(1.0, [10.0], 2.0, 0.5), 50.0, noise=0.03, seed=seed))) for seed in range(25)]
    for values, said in (
        ([f.plant.gain for f in found], [f.u["gain"] for f in found]),
        ([f.plant.lags[0] for f in found], [f.u["lag_s"] for f in found]),
        ([f.plant.theta_s for f in found], [f.u["theta_s"] for f in found]),
    ):
        mean = sum(values) / len(values)
        scatter = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
        assert 0.6 < scatter / (sum(said) / len(said)) < 1.6


def test_any_movement_of_the_output_will_do_with_a_bias_and_a_start_that_is_not_at_rest():
    rng = random.Random(5)
    moves = [rng.uniform(20.0, 60.0) for _ in range(12)]
    plant = Lags(0.5, [30.0], 4.0, 0.5, start=80.0)
    rows = drive(plant, lambda now, pv: None if now > 480 * SECOND else moves[now // (40 * SECOND) % 12], noise=0.1, seed=9, begin=40.0)
    rows = [(t + 1.7e9, out, pv + 17.0) for t, out, pv in rows[80:]]
    late = record(rows)                         # what the output was before the record is not known
    close(fit(Record(t=late.t, pv=late.pv, out_t=late.out_t[1:], out=late.out[1:])), 0.5, 30.0, 4.0, 0.05)


def test_samples_at_odd_times_and_losses_are_no_matter():
    rng = random.Random(11)
    whole = record(step(Lags(1.5, [20.0], 5.0, 0.1), 120.0, noise=0.01, seed=2))
    kept = sorted(rng.sample(range(len(whole.t)), 220))
    pv = [math.nan if rng.random() < 0.1 else whole.pv[i] for i in kept]
    close(fit(Record(t=[whole.t[i] for i in kept], pv=pv, out_t=whole.out_t, out=whole.out)), 1.5, 20.0, 5.0, 0.05)


def test_a_deadband_of_the_history_costs_little():
    rows = step(Lags(10.0, [20.0], 5.0, 0.1), 120.0)
    kept: Rows = []
    for row in rows:
        if not kept or abs(row[2] - kept[-1][2]) > 0.05 or row[0] - kept[-1][0] >= 60.0:
            kept.append(row)
    t, pv = held([r[0] for r in kept], [r[2] for r in kept], 0.5, 0.05)
    assert len(t) > len(kept)
    close(fit(Record(t=t, pv=pv, out_t=[0.0, 2.0], out=[0.0, 1.0])), 10.0, 20.0, 5.0, 0.01)


@pytest.mark.parametrize(("lag", "theta"), [(10.0, 1.0), (1.0, 1.0), (30.0, 4.0)])
def test_the_record_of_a_relay_experiment_gives_the_plant(lag: float, theta: float):
    relay = Relay(RelayRow(reference=0.0, out=0.0, amplitude=1.0, hysteresis=0.02, low=-5.0, high=5.0, pv_low=-5.0, pv_high=5.0,
                           longest_ns=600 * SECOND))

    def ask(now: int, pv: float) -> float | None:
        out = relay.step(now, pv, GOOD)
        return None if relay.ending is not None else out

    rows = drive(Lags(1.0, [lag], theta, theta / 20.0), ask)
    close(fit(record(rows)), 1.0, lag, theta, 0.03)


def test_a_relay_on_a_long_lag_with_noise_pins_down_what_the_rules_need():
    """Gain and lag apart are badly known from a symmetrical swing; gain over lag and the dead time are what SIMC asks for."""
    relay = Relay(RelayRow(reference=0.0, out=0.0, amplitude=1.0, hysteresis=0.02, low=-5.0, high=5.0, pv_low=-5.0, pv_high=5.0,
                           longest_ns=900 * SECOND))

    def ask(now: int, pv: float) -> float | None:
        out = relay.step(now, pv, GOOD)
        return None if relay.ending is not None else out

    found = fit(record(drive(Lags(1.0, [60.0], 5.0, 0.25), ask, noise=0.004, seed=4)))
    slope = found.plant.gain if found.plant.integrating else found.plant.gain / found.plant.lags[0]
    assert slope == pytest.approx(1.0 / 60.0, rel=0.1)
    assert found.plant.theta_s == pytest.approx(5.0, rel=0.1)


def test_a_plant_that_integrates_is_found_to():
    plant = Lags(0.02, [], 5.0, 0.25, integrating=True)
    rows = drive(plant, lambda now, pv: None if now > 200 * SECOND else 1.0 if now // (25 * SECOND) % 2 else -1.0, load=0.05)
    found = fit(record(rows))
    assert found.plant.integrating
    assert (found.plant.gain, found.plant.theta_s) == (pytest.approx(0.02, rel=0.01), pytest.approx(5.0, abs=0.1))
    assert any("integrates" in words for words in found.warnings)


def test_four_lags_are_taken_for_one_and_a_dead_time_and_the_rest_shows():
    found = fit(record(step(Lags(1.0, [1.0] * 4, 0.0, 0.05), 30.0, at=10.0)))
    assert found.plant.lags[0] + found.plant.theta_s == pytest.approx(4.0, rel=0.05)
    assert 1.2 < found.plant.theta_s < 2.2
    assert found.explained > 0.99


# --- what no model follows from ----------------------------------------------------------------------------------------------
def test_a_record_of_rest_says_nothing():
    with pytest.raises(Unfit, match="the output did not move"):
        fit(Record(t=list(range(50)), pv=[0.1 * k for k in range(50)], out_t=[0.0], out=[4.0]))
    with pytest.raises(Unfit, match="the pv did not move"):
        fit(Record(t=list(range(50)), pv=[1.0] * 50, out_t=[0.0, 9.0], out=[4.0, 5.0]))
    with pytest.raises(Unfit, match="3 samples of pv"):
        fit(Record(t=[0, 1, 2], pv=[1.0, 2.0, 3.0], out_t=[0.0], out=[4.0]))
    with pytest.raises(Unfit, match="order of time"):
        fit(Record(t=list(range(50))[::-1], pv=[float(k) for k in range(50)], out_t=[0.0], out=[4.0]))


def test_a_pv_that_something_else_moves_is_not_called_a_model():
    rng = random.Random(3)
    t = [float(k) for k in range(300)]
    walk = [0.0]
    for _ in t[1:]:
        walk.append(walk[-1] + rng.gauss(0.0, 1.0))
    found = fit(Record(t=t, pv=walk, out_t=[0.0, 100.0, 140.0, 200.0], out=[0.0, 1.0, 0.0, 1.0]))
    assert found.warnings
