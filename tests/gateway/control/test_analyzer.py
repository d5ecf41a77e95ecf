"""What the gateway makes of an analyser: values with quality, one start per sample, results matched by id."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.exchange import CallMethod, ReadNodes, Reply, WriteNode
from devices.instruments.icp_lads import PROFILE
from devices.opcua import BAD_INVALID_ARGUMENT, BAD_INVALID_STATE, BAD_TYPE_MISMATCH
from devices.quality import (
    BAD_NO_COMMUNICATION,
    BAD_OUT_OF_RANGE,
    BAD_SENSOR_FAILURE,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_SENSOR_NOT_ACCURATE,
    is_bad,
    is_good,
    is_uncertain,
)
from gateway.control.analyzer import OpcUaConversation
from gateway.control.conversation import Binding
from gateway.control.image import SECOND, Image, Now
from gateway.control.lads import GRACE

TAGS = ("AIT-501", "XS-510", "XA-511")
POINTS = ("nd", "state", "qc_fail")
GOOD_QC = {"ccv_pct": "99.1", "icv_pct": "100.4", "rsd_pct": "0.7"}


def at(seconds: float) -> Now:
    return Now(mono=int(seconds * SECOND), utc=int((1e9 + seconds) * SECOND))


class Device:
    """A scripted LADS device: a table of values and a ResultSet that a test arranges as it likes."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {
            "nd": 12.5, "state": "Stopped", "qc_fail": False, "device_state": "Operate", "active_run": "", "result_version": "0",
        }
        self.results: dict[str, dict[str, Any]] = {}
        self.calls: list[CallMethod] = []

    def answer(self, request: Any) -> Reply:
        if isinstance(request, CallMethod):
            self.calls.append(request)
            run = f"RUN-{len(self.calls)}"
            self.values |= {"state": "Running", "active_run": run}
            return Reply(request, document=(run,))
        if isinstance(request, WriteNode):
            return Reply(request, exception=0x803B0000)
        name = request.names[0]
        if name == "results":
            return Reply(request, document={name: self.results})
        if name.startswith("results/"):
            return Reply(request, document={name: self.results.get(name[8:])})
        return Reply(request, document={name: (self.values[name], GOOD, 7) for name in request.names})

    def publish(self, child: str, sample: str, *, batch: str = "B-1", run: str, nd: float = 10.0, stopped: int = 900,
                qc: dict[str, str] | None = None) -> None:
        self.results[child] = {
            "SupervisoryJobId": batch, "SupervisoryTaskId": sample, "DeviceProgramRunId": run, "Started": 600, "Stopped": stopped,
            "Samples": ({"SampleId": sample},), "Properties": {**GOOD_QC, **(qc or {}), "unit": "g/L"},
            "VariableSet": {"Nd": (nd, GOOD), "Pr": (3.0, GOOD), "Dy": (1.0, GOOD), "Tb": (0.2, GOOD), "Nd.u": (0.1, GOOD)},
        }
        self.values |= {"result_version": str(int(self.values["result_version"]) + 1), "state": "Stopped"}


def conversation(image: Image | None = None) -> OpcUaConversation:
    image = image or Image(TAGS, [600 * SECOND] * len(TAGS))
    bindings = [Binding(point=point, tag=i, period_ns=5 * SECOND) for i, point in enumerate(POINTS)]
    return OpcUaConversation("AE-501", PROFILE, image, bindings)


def talk(each: OpcUaConversation, device: Device, now: Now) -> list[Any]:
    """All the requests of one instant, each answered at once."""
    asked = []
    while (request := each.due(now.mono)) is not None:
        asked.append(request)
        each.absorb(device.answer(request), now)
    return asked


def test_one_bulk_read_on_the_shared_tick_fills_the_image():
    each, device = conversation(), Device()
    asked = talk(each, device, at(10))
    assert asked == [ReadNodes(("nd", "state", "qc_fail", "device_state", "active_run", "result_version"))]
    assert each.image.value == [12.5, 4.0, 0.0]
    assert each.image.quality == [GOOD] * 3
    assert (each.image.source[0], each.image.seen[0], each.image.asked[0]) == (7, at(10).mono, at(10).mono)
    assert each.state == "up"
    assert talk(each, device, at(14.9)) == []
    assert len(talk(each, device, at(15))) == 1


@pytest.mark.fault("U15")
@pytest.mark.parametrize(
    "value, status, expected",
    [
        (12.5, UNCERTAIN_SENSOR_NOT_ACCURATE, UNCERTAIN_SENSOR_NOT_ACCURATE),
        (12.5, BAD_SENSOR_FAILURE, BAD_SENSOR_FAILURE),
        (float("nan"), GOOD, BAD_SENSOR_FAILURE),
        (101.0, GOOD, UNCERTAIN_EU_EXCEEDED),
        (150.0, GOOD, BAD_OUT_OF_RANGE),
    ],
)
def test_status_of_the_device_passes_through_and_ours_only_makes_it_worse(value: float, status: int, expected: int):
    each, device = conversation(), Device()
    request = each.due(at(0).mono)
    assert request is not None
    each.absorb(Reply(request, document={**device.answer(request).document, "nd": (value, status, 0)}), at(0))
    assert each.image.quality[0] == expected


@pytest.mark.fault("U09")
def test_a_changed_type_is_bad_on_that_tag_only():
    each, device = conversation(), Device()
    device.values["nd"] = "twelve"
    talk(each, device, at(0))
    assert each.image.quality == [BAD_TYPE_MISMATCH, GOOD, GOOD]


@pytest.mark.fault("U01")
def test_a_lost_link_makes_every_tag_bad_at_once_and_everything_is_read_again():
    each, device = conversation(), Device()
    talk(each, device, at(0))
    each.lost(at(1), "server gone")
    assert each.image.quality == [BAD_NO_COMMUNICATION] * 3
    assert each.state == "lost"
    assert len(talk(each, device, at(2))) == 1
    assert each.image.quality == [GOOD] * 3
    assert each.state == "up"


def test_a_notification_fills_the_image_and_a_change_of_state_asks_for_the_bulk_read():
    each, device = conversation(), Device()
    talk(each, device, at(0))
    each.sampling_ns = SECOND
    each.absorb(Reply(ReadNodes(("nd",)), document={"nd": (20.0, GOOD, 9)}), at(2))
    assert each.image.value[0] == 20.0
    assert each.image.asked[0] == at(1).mono
    assert each.due(at(2).mono) is None
    each.absorb(Reply(ReadNodes(("state",)), document={"state": ("Running", GOOD, 9)}), at(2))
    assert isinstance(each.due(at(2).mono), ReadNodes)


def test_a_notification_that_comes_after_the_loss_makes_nothing_good():
    each, device = conversation(), Device()
    talk(each, device, at(0))
    each.lost(at(1), "server gone")
    each.absorb(Reply(ReadNodes(("nd",)), document={"nd": (20.0, GOOD, 9)}), at(1))
    assert is_bad(each.image.quality[0])


@pytest.mark.fault("U18")
@pytest.mark.parametrize(
    "reply, result",
    [({}, "accepted"), ({"exception": 0x803B0000}, "rejected"), ({"failure": "timeout"}, "unverified")],
)
def test_a_write_goes_out_once_and_ends_in_one_outcome(reply: dict[str, Any], result: str):
    each = conversation()
    each.write(2, 1.0, at(0).mono, at(3).mono)
    request = each.due(at(0).mono)
    assert request == WriteNode("qc_fail", True)
    assert request is not None
    each.absorb(Reply(request, **reply), at(1))
    assert [(outcome.tag, outcome.result) for outcome in each.outcomes] == [(2, result)]
    assert not isinstance(each.due(at(1).mono), WriteNode)


def test_a_write_that_had_no_turn_expires():
    each = conversation()
    each.write(2, 1.0, at(0).mono, at(3).mono)
    assert isinstance(each.due(at(4).mono), ReadNodes)
    assert [outcome.result for outcome in each.outcomes] == ["expired"]


def test_a_loss_leaves_a_write_in_flight_unverified():
    each = conversation()
    each.write(2, 1.0, at(0).mono, at(3).mono)
    each.due(at(0).mono)
    each.lost(at(1), "server gone")
    assert [outcome.result for outcome in each.outcomes] == ["unverified"]


# --- analyses ------------------------------------------------------------------------------------------------------
def test_an_analysis_is_started_once_and_its_result_is_a_document():
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
    talk(each, device, at(0))
    (call,) = device.calls
    assert call.name == "StartProgram"
    assert call.arguments[:4] == ("LIQUOR", {"Stream": "1"}, "B-1", "S-1")
    device.publish("r1", "S-1", run="RUN-1", nd=19.0)
    talk(each, device, at(300))
    (found,) = each.documents
    assert (found.sample, found.batch, found.stream, found.purpose) == ("S-1", "B-1", "R-101", "leach")
    assert (found.values["Nd"], found.u["Nd"], found.taken_utc, found.measured_utc) == (19.0, 0.1, 600, 900)
    assert found.quality == GOOD
    assert len(device.calls) == 1


def test_a_result_without_the_optional_run_id_is_known_by_its_task():
    each, device = conversation(), Device()
    talk(each, device, at(0))
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(1).mono)
    talk(each, device, at(5))
    device.publish("R1", "S-2", run="RUN-9")
    device.publish("R2", "S-1", run="RUN-1")
    for result in device.results.values():
        del result["DeviceProgramRunId"]
    talk(each, device, at(10))
    (found,) = each.documents
    assert (found.sample, found.values["Nd"], found.quality) == ("S-1", 10.0, GOOD)


def test_a_sample_asked_for_twice_is_started_once():
    each, device = conversation(), Device()
    for _ in range(2):
        each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
        talk(each, device, at(0))
    device.values["state"] = "Stopped"
    talk(each, device, at(5))
    assert len(device.calls) == 1


def test_three_tanks_share_the_analyser_one_after_the_other():
    each, device = conversation(), Device()
    for n in (1, 2, 3):
        each.start_program(f"S-{n}", "B-1", f"R-10{n}", "leach", {}, at(0).mono)
    for n in (1, 2, 3):
        talk(each, device, at(n * 300))
        assert [call.arguments[3] for call in device.calls] == [f"S-{i}" for i in range(1, n + 1)]
        device.publish(f"r{n}", f"S-{n}", run=f"RUN-{n}")
    talk(each, device, at(1200))
    assert [found.sample for found in each.documents] == ["S-1", "S-2", "S-3"]


def test_a_busy_device_is_asked_again_when_it_is_ready():
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
    each.absorb(device.answer(each.due(at(0).mono)), at(0))
    call = each.due(at(0).mono)
    assert isinstance(call, CallMethod)
    each.absorb(Reply(call, exception=BAD_INVALID_STATE), at(0))
    device.values["state"] = "Running"
    talk(each, device, at(5))
    assert device.calls == []
    device.values["state"] = "Stopped"
    talk(each, device, at(10))
    assert len(device.calls) == 1


def test_a_refused_program_ends_in_a_bad_document():
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "nowhere", "leach", {}, at(0).mono)
    each.absorb(device.answer(each.due(at(0).mono)), at(0))
    call = each.due(at(0).mono)
    assert call is not None
    each.absorb(Reply(call, exception=BAD_INVALID_ARGUMENT), at(0))
    (found,) = each.documents
    assert is_bad(found.quality)
    assert found.values == {}


@pytest.mark.parametrize("ending", ["timeout", "lost"])
def test_an_unanswered_start_is_looked_up_and_found_running(ending: str):
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
    each.absorb(device.answer(each.due(at(0).mono)), at(0))
    call = each.due(at(0).mono)
    assert call is not None
    device.answer(call)                                     # the device heard it; its answer is lost
    device.publish("r1", "S-1", run="RUN-1", stopped=0)
    device.values["state"] = "Running"
    each.absorb(Reply(call, failure=ending), at(1))
    talk(each, device, at(6))
    device.publish("r1", "S-1", run="RUN-1")
    talk(each, device, at(300))
    assert [found.sample for found in each.documents] == ["S-1"]
    assert len(device.calls) == 1


def test_an_unanswered_start_that_the_device_never_heard_is_sent_again_only_after_the_look():
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
    each.absorb(device.answer(each.due(at(0).mono)), at(0))
    call = each.due(at(0).mono)
    assert call is not None
    each.absorb(Reply(call, failure="timeout"), at(1))
    assert each.due(at(2).mono) is None
    asked = talk(each, device, at(5))
    assert [type(request) for request in asked[:2]] == [ReadNodes, ReadNodes]
    assert asked[1] == ReadNodes(("results",))
    assert len(device.calls) <= 1
    talk(each, device, at(10))
    assert len(device.calls) == 1


def test_after_a_restart_an_expected_result_is_found_and_an_unknown_one_is_not_started():
    each, device = conversation(), Device()
    device.publish("r1", "S-1", run="RUN-9", nd=7.0)
    each.expect_result("S-1", "B-1", "R-101", "leach", at(0).mono)
    each.expect_result("S-2", "B-1", "R-101", "leach", at(0).mono)
    talk(each, device, at(1))
    talk(each, device, at(6))
    assert {found.sample: is_good(found.quality) for found in each.documents} == {"S-1": True, "S-2": False}
    assert device.calls == []


@pytest.mark.fault("P08")
def test_a_device_that_stops_without_a_result_is_waited_for_and_then_bad():
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
    talk(each, device, at(0))
    device.values["state"] = "Stopped"
    talk(each, device, at(300))
    assert each.documents == []
    talk(each, device, Now(mono=at(301).mono + GRACE, utc=0))
    (found,) = each.documents
    assert is_bad(found.quality)


@pytest.mark.fault("P08")
@pytest.mark.parametrize(
    "qc, good",
    [
        ({}, GOOD),
        ({"ccv_pct": "111.0"}, "bad"),
        ({"icv_pct": "94.0"}, "bad"),
        ({"calibration_r": "0.99"}, "bad"),
        ({"rsd_pct": "2.5"}, "uncertain"),
        ({"internal_standard_pct": "79"}, "uncertain"),
        ({"ccv_pct": "no answer"}, "bad"),
    ],
)
def test_a_failed_quality_check_is_never_silently_good(qc: dict[str, str], good: Any):
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
    talk(each, device, at(0))
    device.publish("r1", "S-1", run="RUN-1", qc=qc)
    talk(each, device, at(300))
    (found,) = each.documents
    assert (is_good(found.quality), is_uncertain(found.quality), is_bad(found.quality)) == (
        good == GOOD, good == "uncertain", good == "bad")
    assert found.qc["failed"] == list(qc)


@pytest.mark.fault("P08")
@pytest.mark.parametrize("nd", [float("nan"), -5.0, 5000.0])
def test_an_implausible_value_is_bad(nd: float):
    each, device = conversation(), Device()
    each.start_program("S-1", "B-1", "R-101", "leach", {}, at(0).mono)
    talk(each, device, at(0))
    device.publish("r1", "S-1", run="RUN-1", nd=nd)
    talk(each, device, at(300))
    assert is_bad(each.documents[0].quality)


SAMPLES = [f"S-{n}" for n in range(4)]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["result", "duplicate", "foreign", "other_job", "clear", "lost", "timeout", "nothing"]),
        st.integers(0, 3), st.integers(0, 3)),
    max_size=40,
)


@pytest.mark.fault("P08")
@settings(max_examples=250)
@given(events=EVENTS)
def test_late_shuffled_and_duplicated_results_never_match_a_wrong_sample(events: list[tuple[str, int, int]]):
    """Each sample's Nd is its own number: any mismatch shows in the value. The device answers in any order it likes."""
    each, device = conversation(), Device()
    for n, sample in enumerate(SAMPLES):
        each.start_program(sample, f"B-{n}", "R-101", "leach", {}, at(0).mono)
    seconds, children = 0, 0
    for kind, n, other in events:
        seconds += 60
        children += 1
        run = next((f"RUN-{i}" for i, call in enumerate(device.calls, 1) if call.arguments[3] == SAMPLES[n]), "RUN-0")
        if kind == "result":
            device.publish(f"c{children % 7}", SAMPLES[n], batch=f"B-{n}", run=run, nd=float(n))
        elif kind == "duplicate":       # the same task again, under another run
            device.publish(f"c{children % 7}", SAMPLES[n], batch=f"B-{n}", run="RUN-X", nd=99.0)
        elif kind == "foreign":         # a run of ours that says another task
            device.publish(f"c{children % 7}", SAMPLES[other] if other != n else "S-X", batch="B-X", run=run, nd=98.0)
        elif kind == "other_job":
            device.publish(f"c{children % 7}", SAMPLES[n], batch="B-Y", run=run, nd=97.0)
        elif kind == "clear":
            device.results.clear()
        elif kind == "lost":
            each.lost(at(seconds), "gone")
        elif kind == "timeout" and (request := each.due(at(seconds).mono)) is not None and isinstance(request, ReadNodes):
            each.absorb(Reply(request, failure="timeout"), at(seconds))
            continue
        talk(each, device, at(seconds))
    for found in each.documents:
        assert found.values == {} or found.values["Nd"] == float(SAMPLES.index(found.sample))
    assert len({found.sample for found in each.documents}) == len(each.documents)
    assert len({call.arguments[3] for call in device.calls}) == len(device.calls)
