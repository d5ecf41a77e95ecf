"""The simulated analyser: a LADS functional unit that runs one program at a time over the ICP measurement model.

    device = IcpDevice(icp, take_sample=lambda template, stream: world.sample(...), utc_ns=START)
    run = device.start_program("LIQUOR", {"Stream": "1"}, "B-0001", "B-0001.S1", ({"SampleId": "B-0001.S1"},), now)
    device.step(now)                                # Starting, Execute, Completing (result), Complete, Stopped

The sample is taken when the run starts; its result stands complete before the run is Complete. Pure: ``now`` is monotonic
ns of the plant's time; every time it shows is UTC, ``utc_ns + now``. ``nodes`` holds what a client reads, by node name.

Source: OPC 30500-1 v1.0.1 6.3 (FunctionalStateMachineType, RunningStateMachineType), 7.3.3 StartProgram, 7.4.4 ResultType.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from devices.exchange import CallMethod, ReadNodes, Reply, Request, WriteNode
from devices.instruments.icp_lads import (
    CALIBRATION_QC,
    ELEMENTS,
    PROFILE,
    RARE_EARTHS,
    SAMPLE_QC,
    SOLIDS,
    STREAMS,
    TEMPLATES,
)
from devices.opcua import (
    BAD_INVALID_ARGUMENT,
    BAD_INVALID_STATE,
    BAD_METHOD_INVALID,
    BAD_NODE_ID_UNKNOWN,
    BAD_NOT_WRITABLE,
    BAD_STATE_NOT_ACTIVE,
    RESULT_KEYS,
)
from devices.quality import BAD_OUT_OF_SERVICE, BAD_WAITING_FOR_INITIAL_DATA, GOOD, UNCERTAIN_SENSOR_NOT_ACCURATE

SECOND = 1_000_000_000

# {state: {event: next state}}; "done" is the end of what the state does by itself.
FUNCTIONAL = {
    "Stopped": {"StartProgram": "Running"},
    "Running": {"Stop": "Stopping", "Abort": "Aborting", "done": "Stopping"},
    "Stopping": {"Abort": "Aborting", "done": "Stopped"},
    "Aborting": {"done": "Aborted"},
    "Aborted": {"Clear": "Clearing"},
    "Clearing": {"Abort": "Aborting", "done": "Stopped"},
}
# Steps of one cycle: running state, step, seconds (middle of the usual range; 4 to 6 min in all).
CYCLE = (
    ("Starting", "Flush line", 75.0),
    ("Execute", "Filter and dilute", 75.0),
    ("Execute", "Uptake", 25.0),
    ("Execute", "Stabilise", 12.0),
    ("Execute", "Measure", 30.0),
    ("Completing", "Wash", 50.0),
)
DIGESTION_S = 1200.0
"""What a solid needs before its cycle: drying and microwave digestion (assumed)."""
QC_EVERY = 10
KEEP = 20


class Refused(Exception):
    """The device says no to a method. ``status``: OPC UA status code."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"0x{status:08X}: {why}")
        self.status = status


class Measured(msgspec.Struct, frozen=True):
    """What the instrument made of one sample: values and standard uncertainty in ``unit``, its checks by name."""

    values: Mapping[str, float]
    u: Mapping[str, float]
    qc: Mapping[str, float] = {}
    unit: str = "g/L"


class Instrument(Protocol):
    """The measurement behind the device."""

    def measure(self, sample: Any, template: str, stream: int) -> Measured:
        """Measure a sample as it was taken; for the program QC ``sample`` is None and the check standard is measured."""
        ...


class Result(msgspec.Struct):
    """One element of the ResultSet. Times are UTC ns; ``stopped`` is 0 while it runs."""

    run: str
    template: str
    stream: int
    job: str
    task: str
    samples: tuple[dict[str, str], ...]
    started: int
    stopped: int = 0
    measured: Measured | None = None


class _Run(msgspec.Struct):
    result: Result
    sample: Any
    began: int
    ends: tuple[int, ...]                   # end of each step, ns


class IcpDevice:
    """A multi-stream ICP with a LADS face. ``take_sample(template, stream)`` draws the sample at the start of a run."""

    def __init__(
        self,
        instrument: Instrument,
        take_sample: Callable[[str, int], Any],
        *,
        utc_ns: int = 0,
        cycle: Sequence[tuple[str, str, float]] = CYCLE,
        digestion_s: float = DIGESTION_S,
        qc_every: int = QC_EVERY,
    ) -> None:
        self.instrument, self._take = instrument, take_sample
        self._utc, self._cycle, self._digestion_s, self._qc_every = utc_ns, tuple(cycle), digestion_s, qc_every
        self.results: deque[Result] = deque(maxlen=KEEP)
        self.said: deque[tuple[int, str, int]] = deque(maxlen=KEEP)     # severity, what it has to say, UTC ns; taken by whoever tells it
        self.device_state = "Operate"
        self.state = "Stopped"
        self._run: _Run | None = None
        self._runs = self._version = self._since_qc = 0
        self._qc: Mapping[str, float] = instrument.measure(None, "QC", 6).qc    # calibrated and checked before the plant starts
        self.nodes: dict[str, tuple[Any, int, int]] = {
            node.name: ("" if node.variant in ("String", "LocalizedText") else 0.0, BAD_WAITING_FOR_INITIAL_DATA, utc_ns)
            for node in PROFILE.nodes if node.name != "results"
        }
        for name, value in {
            "manufacturer": "lagan", "model": "Simulated ICP-OES", "serial_number": "SIM-0001", "software_revision": "1.0",
            "active_run": "", "active_runtime": 0.0, "active_step": "", "result_version": "0", "qc_fail": False, "stream": 0,
        }.items():
            self._show(name, value, 0)
        self._show_state("Idle", 0)

    def utc(self, now: int) -> int:
        """What the device's clock shows at ``now``, UTC ns."""
        return self._utc + now

    # --- methods -------------------------------------------------------------------------------------------------
    def start_program(
        self, template: str, properties: Mapping[str, str], job: str, task: str, samples: Sequence[Mapping[str, str]], now: int
    ) -> str:
        """Begin a run and take its sample. Returns the DeviceProgramRunId.

        Raises: Refused with BadStateNotActive (device not in Operate), BadInvalidState (busy or not cleared) or
        BadInvalidArgument (unknown template or stream, not one named sample, a task that was seen before).
        """
        if self.device_state != "Operate":
            raise Refused(BAD_STATE_NOT_ACTIVE, f"the device is in {self.device_state}")
        if self.state != "Stopped":
            raise Refused(BAD_INVALID_STATE, f"the unit is {self.state}")
        if template not in TEMPLATES:
            raise Refused(BAD_INVALID_ARGUMENT, f"no program template {template!r}; there are {', '.join(TEMPLATES)}")
        stream = 6 if template == "QC" else _stream(properties.get("Stream", ""))
        if len(samples) != 1 or not samples[0].get("SampleId") or not task:
            raise Refused(BAD_INVALID_ARGUMENT, "exactly one sample with a SampleId and a SupervisoryTaskId are needed")
        if any(result.task == task for result in self.results):
            raise Refused(BAD_INVALID_ARGUMENT, f"task {task!r} was run before")
        return self._begin(template, stream, job, task, tuple(dict(sample) for sample in samples), now)

    def call(self, method: str, now: int) -> None:
        """Stop, Abort or Clear. Raises Refused with BadInvalidState where the state does not allow it."""
        after = FUNCTIONAL[self.state].get(method)
        if after is None:
            raise Refused(BAD_INVALID_STATE, f"{method} is not allowed in {self.state}")
        if self._run is not None:
            self._run.result.stopped = self._utc + now
            self.said.append((500, f"{self._run.result.run} was ended by {method}", self._utc + now))
            self._run = None
            self._changed(now)
        self.state = after
        self._show_state("Idle", now)

    def _begin(self, template: str, stream: int, job: str, task: str, samples: tuple[dict[str, str], ...], now: int) -> str:
        self._runs += 1
        result = Result(f"RUN-{self._runs:06d}", template, stream, job, task, samples, self._utc + now)
        sample = None if template == "QC" else self._take(template, stream)
        at, ends = now + int((self._digestion_s if template in SOLIDS else 0.0) * SECOND), []
        for _, _, seconds in self._cycle:
            at += int(seconds * SECOND)
            ends.append(at)
        self._run = _Run(result, sample, now, tuple(ends))
        self.results.append(result)
        self.state = FUNCTIONAL[self.state]["StartProgram"]
        self.said.append((100, f"{template} {result.run} started", result.started))
        self._show("active_run", result.run, now)
        self._show("active_step", self._cycle[0][1], now)
        self._changed(now)
        self._show_state("Starting", now)
        return result.run

    # --- time ----------------------------------------------------------------------------------------------------
    def step(self, now: int) -> None:
        """Let the unit go on to ``now``: its run through the steps of its cycle, transient states to their end."""
        run = self._run
        if run is None:
            if "done" in FUNCTIONAL[self.state]:
                self.state = FUNCTIONAL[self.state]["done"]
                self._show_state("Idle", now)
            elif self.state == "Stopped" and self.device_state == "Operate" and self._since_qc >= self._qc_every:
                self._since_qc = 0
                self._begin("QC", 6, "", "", (), now)
            return
        self._show("active_runtime", (now - run.began) / 1e6, now)
        step = sum(now >= end for end in run.ends)
        measured = sum(state != "Completing" for state, _, _ in self._cycle)
        if step >= measured and not run.result.stopped:
            self._finish(run, run.ends[measured - 1])
        if step < len(self._cycle):
            state, name, _ = self._cycle[step]
            self._show("active_step", name, now)
            self._show_state(state, now)
            return
        self._run = None
        self.state = FUNCTIONAL[self.state]["done"]
        self._show_state("Complete", now)

    def _finish(self, run: _Run, at: int) -> None:
        """The result is there: first in the ResultSet, only then may the run become Complete."""
        result = run.result
        found = self.instrument.measure(run.sample, result.template, result.stream)
        if result.template == "QC":
            self._qc = dict(found.qc)
        else:
            self._since_qc += 1
            found = msgspec.structs.replace(found, qc={**self._qc, **found.qc})
        result.measured, result.stopped = found, self._utc + at
        failed = calibration_failed(found.qc)
        self.said.append((100, f"{result.template} {result.run} measured", result.stopped))
        if failed:
            self.said.append((600, f"{result.run}: a check standard is outside its limits", result.stopped))
        if result.template == "LIQUOR":
            status = BAD_OUT_OF_SERVICE if failed else UNCERTAIN_SENSOR_NOT_ACCURATE if sample_doubtful(found.qc) else GOOD
            for element in ELEMENTS:
                self.nodes[element.lower()] = (found.values.get(element, 0.0), status, result.started)
            self.nodes["tree"] = (sum(found.values.get(element, 0.0) for element in RARE_EARTHS), status, result.started)
            self._show("stream", result.stream, at)
        self._show("qc_fail", failed, at)
        self._changed(at)

    # --- what a client sees --------------------------------------------------------------------------------------
    def answer(self, request: Request, now: int) -> Reply:
        """Answer one request as the device would; a refusal is its status code in ``exception``."""
        if isinstance(request, ReadNodes):
            return Reply(request, document={name: self.read(name) for name in request.names})
        if isinstance(request, CallMethod):
            try:
                if request.name == "StartProgram":
                    template, properties, job, task, samples = request.arguments
                    return Reply(request, document=(self.start_program(template, properties, job, task, samples, now),))
                if request.name in ("Stop", "Abort", "Clear"):
                    self.call(request.name, now)
                    return Reply(request, document=())
            except Refused as refused:
                return Reply(request, exception=refused.status)
            return Reply(request, exception=BAD_METHOD_INVALID)
        return Reply(request, exception=BAD_NOT_WRITABLE if isinstance(request, WriteNode) else BAD_NODE_ID_UNKNOWN)

    def read(self, name: str) -> Any:
        """One node, the listing ``results``, or one whole result ``results/<run>``; see ``devices.opcua``."""
        if name == "results":
            return {result.run: {key: _properties(result)[key] for key in RESULT_KEYS} for result in self.results}
        if name.startswith("results/"):
            return next((document(result) for result in self.results if result.run == name[8:]), None)
        return self.nodes.get(name, (None, BAD_NODE_ID_UNKNOWN, 0))

    def _show(self, name: str, value: Any, now: int) -> None:
        if self.nodes[name][0] != value or self.nodes[name][1] != GOOD:
            self.nodes[name] = (value, GOOD, self._utc + now)

    def _show_state(self, running: str, now: int) -> None:
        self._show("device_state", self.device_state, now)
        self._show("state", self.state, now)
        self._show("running_state", running, now)

    def _changed(self, now: int) -> None:
        self._version += 1
        self._show("result_version", str(self._version), now)


def _stream(text: str) -> int:
    stream = int(text) if text.isdigit() else 0
    if stream not in STREAMS:
        raise Refused(BAD_INVALID_ARGUMENT, f"no stream {text!r}; there are {', '.join(map(str, STREAMS))}")
    return stream


def _properties(result: Result) -> dict[str, Any]:
    return {
        "SupervisoryJobId": result.job, "SupervisoryTaskId": result.task, "DeviceProgramRunId": result.run,
        "Started": result.started, "Stopped": result.stopped,
    }


def document(result: Result) -> dict[str, Any]:
    """One whole result by the standard's names. Uncertainties stand in the VariableSet as ``<element>.u``."""
    found = result.measured
    texts = {"Stream": str(result.stream)}
    variables: dict[str, tuple[float, int]] = {}
    if found is not None:
        texts |= {"unit": found.unit, **{key: repr(float(value)) for key, value in found.qc.items()}}
        variables = {name: (value, GOOD) for name, value in found.values.items()}
        variables |= {f"{name}.u": (value, GOOD) for name, value in found.u.items()}
    return {
        **_properties(result), "ApplicationUri": "urn:lagan:gateway", "User": "", "Properties": texts,
        "Samples": result.samples, "VariableSet": variables,
    }


def calibration_failed(qc: Mapping[str, float]) -> bool:
    """Whether a check that proves the calibration is outside its limits."""
    return any(key in qc and not low <= qc[key] <= high for key, (low, high) in CALIBRATION_QC.items())


def sample_doubtful(qc: Mapping[str, float]) -> bool:
    """Whether a check of the one sample is outside its limits."""
    return any(key in qc and not low <= qc[key] <= high for key, (low, high) in SAMPLE_QC.items())
