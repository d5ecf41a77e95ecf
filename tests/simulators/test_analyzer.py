"""The simulated LADS device: its state machine, its refusals, and what it says of a result and when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.exchange import CallMethod, ReadNodes, WriteNode
from devices.instruments.icp_lads import ELEMENTS, FUNCTIONAL_STATES, PROFILE, RUNNING_STATES
from devices.opcua import BAD_INVALID_ARGUMENT, BAD_INVALID_STATE, BAD_NODE_ID_UNKNOWN, BAD_NOT_WRITABLE, BAD_STATE_NOT_ACTIVE
from devices.quality import GOOD, is_bad, is_uncertain
from simulators.analyzer import CYCLE, DIGESTION_S, FUNCTIONAL, KEEP, SECOND, IcpDevice, Measured, Refused, calibration_failed

UTC = 1_700_000_000 * SECOND
CYCLE_NS = int(sum(seconds for _, _, seconds in CYCLE) * SECOND)
RESULT_NS = int(sum(seconds for state, _, seconds in CYCLE if state != "Completing") * SECOND)


class Spectrometer:
    """Returns the sample it was given; its quality check is what a test sets."""

    def __init__(self) -> None:
        self.qc: dict[str, float] = {"ccv_pct": 100.0, "icv_pct": 100.0}
        self.own: dict[str, float] = {"rsd_pct": 0.5}

    def measure(self, sample: Any, template: str, stream: int) -> Measured:
        if template == "QC":
            return Measured({"Nd": 10.0}, {"Nd": 0.1}, dict(self.qc))
        return Measured(dict(sample), dict.fromkeys(sample, 0.01), self.own, "kg/kg" if template in ("RESIDUE", "CAKE") else "g/L")


class Line:
    """What the sampling valve reaches: a liquor that changes with every sample."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []

    def __call__(self, template: str, stream: int) -> dict[str, float]:
        self.taken.append((template, stream))
        return {element: float(len(self.taken)) for element in ELEMENTS}


def icp(**options: Any) -> tuple[IcpDevice, Spectrometer, Line]:
    spectrometer, line = Spectrometer(), Line()
    return IcpDevice(spectrometer, line, utc_ns=UTC, **options), spectrometer, line


def start(device: IcpDevice, now: int, sample: str = "S-1", stream: str = "1", template: str = "LIQUOR") -> str:
    return device.start_program(template, {"Stream": stream}, "B-1", sample, ({"SampleId": sample},), now)


def run_to_end(device: IcpDevice, now: int, step_ns: int = SECOND) -> int:
    while device.state != "Stopped":
        now += step_ns
        device.step(now)
    return now


def test_a_run_goes_through_the_standards_states_in_order():
    device, _, _ = icp()
    start(device, 0)
    seen, now = [], 0
    while device.state != "Stopped":
        pair = (device.nodes["state"][0], device.nodes["running_state"][0])
        if not seen or seen[-1] != pair:
            seen.append(pair)
        now += SECOND
        device.step(now)
    assert seen == [("Running", "Starting"), ("Running", "Execute"), ("Running", "Completing"), ("Stopping", "Complete")]
    assert {state for state, _ in seen} <= set(FUNCTIONAL_STATES)
    assert {state for _, state in seen} <= set(RUNNING_STATES)
    assert 240 * SECOND <= now <= 360 * SECOND


def test_the_sample_is_taken_at_the_start_and_the_result_keeps_both_times():
    device, _, line = icp()
    run = start(device, 0, stream="2")
    assert line.taken == [("LIQUOR", 2)]
    run_to_end(device, 0)
    result = device.read(f"results/{run}")
    assert (result["Started"], result["Stopped"]) == (UTC, UTC + RESULT_NS)
    assert result["VariableSet"]["Nd"] == (1.0, GOOD)
    assert device.nodes["nd"] == (1.0, GOOD, UTC)
    assert device.nodes["stream"][0] == 2


@given(step_s=st.floats(0.1, 400.0))
def test_the_result_is_complete_before_the_run_is_whatever_the_step(step_s: float):
    device, _, _ = icp()
    run = start(device, 0)
    now = 0
    while device.state == "Running":
        assert bool(device.read("results")[run]["Stopped"]) == (now >= RESULT_NS)
        now += int(step_s * SECOND)
        device.step(now)
    assert now >= CYCLE_NS
    assert device.read("results")[run]["Stopped"] == UTC + RESULT_NS


def test_a_solid_takes_its_digestion_too_and_reads_in_kg_per_kg():
    device, _, line = icp()
    run = start(device, 0, template="RESIDUE", stream="3")
    now = run_to_end(device, 0)
    assert now >= int(DIGESTION_S * SECOND) + CYCLE_NS
    assert device.read(f"results/{run}")["Properties"]["unit"] == "kg/kg"
    assert line.taken == [("RESIDUE", 3)]
    assert is_bad(device.nodes["nd"][1])            # the liquor's figures stay what they were: none yet


@pytest.mark.parametrize(
    "arguments, status",
    [
        (("NOSUCH", {"Stream": "1"}, "B", "S", ({"SampleId": "S"},)), BAD_INVALID_ARGUMENT),
        (("LIQUOR", {"Stream": "7"}, "B", "S", ({"SampleId": "S"},)), BAD_INVALID_ARGUMENT),
        (("LIQUOR", {}, "B", "S", ({"SampleId": "S"},)), BAD_INVALID_ARGUMENT),
        (("LIQUOR", {"Stream": "1"}, "B", "", ({"SampleId": "S"},)), BAD_INVALID_ARGUMENT),
        (("LIQUOR", {"Stream": "1"}, "B", "S", ()), BAD_INVALID_ARGUMENT),
        (("LIQUOR", {"Stream": "1"}, "B", "S", ({"SampleId": ""},)), BAD_INVALID_ARGUMENT),
    ],
)
def test_a_program_with_wrong_arguments_is_refused_and_takes_no_sample(arguments: Any, status: int):
    device, _, line = icp()
    reply = device.answer(CallMethod("StartProgram", arguments), 0)
    assert (reply.exception, device.state, line.taken) == (status, "Stopped", [])


def test_a_busy_device_refuses_and_one_that_does_not_operate_too():
    device, _, _ = icp()
    start(device, 0)
    with pytest.raises(Refused) as busy:
        start(device, SECOND, sample="S-2")
    assert busy.value.status == BAD_INVALID_STATE
    asleep, _, _ = icp()
    asleep.device_state = "Sleep"
    with pytest.raises(Refused) as refused:
        start(asleep, 0)
    assert refused.value.status == BAD_STATE_NOT_ACTIVE


def test_a_task_is_run_once():
    device, _, _ = icp()
    start(device, 0)
    now = run_to_end(device, 0)
    with pytest.raises(Refused):
        start(device, now)


@pytest.mark.parametrize("state", FUNCTIONAL)
@pytest.mark.parametrize("method", ["Stop", "Abort", "Clear"])
def test_a_method_changes_the_state_as_the_table_says_or_nothing(state: str, method: str):
    device, _, _ = icp()
    device.state = state
    expected = FUNCTIONAL[state].get(method)
    reply = device.answer(CallMethod(method, ()), 0)
    assert device.state == (expected or state)
    assert reply.exception == (None if expected else BAD_INVALID_STATE)


def test_an_aborted_run_leaves_a_result_without_values_and_must_be_cleared():
    device, _, _ = icp()
    run = start(device, 0)
    device.call("Abort", SECOND)
    device.step(2 * SECOND)
    assert device.state == "Aborted"
    assert device.read(f"results/{run}")["VariableSet"] == {}
    assert device.read("results")[run]["Stopped"] == UTC + SECOND
    device.call("Clear", 3 * SECOND)
    device.step(4 * SECOND)
    assert device.state == "Stopped"


def test_every_tenth_result_is_followed_by_a_quality_check_of_its_own():
    device, spectrometer, _ = icp()
    now = 0
    for n in range(10):
        start(device, now, sample=f"S-{n}")
        now = run_to_end(device, now)
    spectrometer.qc = {"ccv_pct": 80.0}
    device.step(now + SECOND)
    assert (device.state, device.results[-1].template, device.results[-1].task) == ("Running", "QC", "")
    now = run_to_end(device, now + SECOND)
    assert device.nodes["qc_fail"][0] is True
    start(device, now, sample="S-after")
    run_to_end(device, now)
    assert calibration_failed(device.results[-1].measured.qc)  # type: ignore[union-attr]
    assert is_bad(device.nodes["nd"][1])


def test_a_doubtful_sample_makes_the_shown_values_uncertain():
    device, spectrometer, _ = icp()
    spectrometer.own = {"rsd_pct": 3.0}
    start(device, 0)
    run_to_end(device, 0)
    assert is_uncertain(device.nodes["nd"][1])


def test_only_the_last_twenty_results_are_kept():
    device, _, _ = icp(qc_every=1000)
    now = 0
    for n in range(KEEP + 5):
        start(device, now, sample=f"S-{n}")
        now = run_to_end(device, now, 60 * SECOND)
    assert [result.task for result in device.results] == [f"S-{n}" for n in range(5, KEEP + 5)]


def test_it_answers_reads_by_name_and_takes_no_writes():
    device, _, _ = icp()
    reply = device.answer(ReadNodes(("state", "nosuch")), 0)
    assert reply.document == {"state": ("Stopped", GOOD, UTC), "nosuch": (None, BAD_NODE_ID_UNKNOWN, 0)}
    assert device.answer(WriteNode("nd", 1.0), 0).exception == BAD_NOT_WRITABLE
    assert set(device.nodes) | {"results"} == {node.name for node in PROFILE.nodes}


def test_the_version_of_the_resultset_changes_with_every_change_of_it():
    device, _, _ = icp()
    versions = [device.nodes["result_version"][0]]
    start(device, 0)
    versions.append(device.nodes["result_version"][0])
    run_to_end(device, 0)
    versions.append(device.nodes["result_version"][0])
    assert len(set(versions)) == 3
