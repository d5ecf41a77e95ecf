"""Analyses asked of a LADS device: one StartProgram each, and the result that belongs to it.

An analysis is known by its SupervisoryTaskId, which is the sample's id. Life of one (``Analysis.state``):

    queued --sent--> asked --run id--> running --result complete--> (document)
                      |  \\--refused: busy--> queued           \\--none until grace is over--> (Bad document)
                      \\--no answer--> unverified --found in ResultSet--> running
                                         \\--device idle, not in ResultSet--> queued (it was never executed)

A StartProgram without an answer is looked up before anything is repeated. A result counts only when task, job, sample and, where
known, run id (which a ResultType may lack) are ours and its Stopped time is set; what arrives late, twice or for others changes
nothing.

Source: OPC 30500-1 v1.0.1 7.3.3 StartProgram, 7.4 ProgramManagerType, 7.4.4 ResultType; house rule for unanswered writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from devices.exchange import CallMethod, ReadNodes, Reply
from devices.instruments.icp_lads import CALIBRATION_QC, RARE_EARTHS, SAMPLE_QC, SOLIDS, STREAMS
from devices.opcua import BAD_INVALID_STATE, BAD_STATE_NOT_ACTIVE
from devices.quality import BAD, BAD_OUT_OF_SERVICE, GOOD, UNCERTAIN, UNCERTAIN_SENSOR_NOT_ACCURATE, worse

SECOND = 1_000_000_000
GRACE = 600 * SECOND
"""How long a result may be missing after the device stopped working on it (assumed)."""


class IcpDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One analysis as received, with its checks. ``values`` and ``u`` (standard uncertainty) in ``unit``.

    ``taken_utc``, ``measured_utc``: device's clock, ns; the liquor is older than its result. Bad: no value may be used.
    """

    sample: str
    batch: str
    stream: str
    purpose: str
    taken_utc: int = 0
    measured_utc: int = 0
    values: dict[str, float] = {}
    u: dict[str, float] = {}
    unit: str = "g/L"
    qc: dict[str, Any] = {}
    quality: int = BAD


class Analysis(msgspec.Struct):
    """One analysis on its way. ``since``: monotonic ns at which its state began."""

    sample: str
    batch: str
    stream: str
    purpose: str
    template: str
    properties: dict[str, str]
    state: str = "queued"
    since: int = 0
    run: str = ""
    ours: bool = True
    twice: bool = False
    missing: int | None = None


class Analyses:
    """Every analysis that was asked for and has no document yet. Pure: time comes in as an argument."""

    def __init__(self, results: str = "results", method: str = "StartProgram") -> None:
        self.open: dict[str, Analysis] = {}
        self.documents: list[IcpDocument] = []
        self._results, self._method = results, method
        self._closed: set[str] = set()
        self._ready_at: int | None = None       # when the poll was asked that found the device ready
        self._active: str | None = None
        self._version: Any = None
        self._listed: Any = msgspec.UNSET
        self._list = False                      # the ResultSet must be listed at the next turn
        self._fetch: dict[str, str] = {}        # child of the ResultSet -> task it seems to answer

    def start(self, sample: str, batch: str, stream: str, purpose: str, properties: Mapping[str, str], now: int) -> None:
        """Queue one analysis; a sample that was asked for before is not asked for again."""
        if sample in self.open or sample in self._closed:
            return
        template = properties.get("template", "QC" if stream == "QC" else "LIQUOR")
        wanted = {key: value for key, value in properties.items() if key != "template"}
        wanted.setdefault("Stream", str(next((n for n, name in STREAMS.items() if name == stream), stream)))
        self.open[sample] = Analysis(sample, batch, stream, purpose, template, wanted, since=now)

    def expect(self, sample: str, batch: str, stream: str, purpose: str, now: int) -> None:
        """Wait for the result of an analysis that was asked for before a restart; it is never started from here."""
        if sample not in self.open and sample not in self._closed:
            self.open[sample] = Analysis(sample, batch, stream, purpose, "", {}, state="unverified", since=now, ours=False)

    def forget(self, sample: str) -> None:
        """Stop waiting for a sample; its result, should it come, changes nothing."""
        self.open.pop(sample, None)
        self._closed.add(sample)

    def saw(self, *, ready: bool, active: str | None, version: Any, asked: int, now: int) -> None:
        """Take in what a poll said of the device: ready for a program, its active run, the version of the ResultSet."""
        self._ready_at = asked if ready else None
        self._active, self._version = active, version
        waiting = [each for each in self.open.values() if each.state in ("running", "unverified")]
        if not waiting:
            return
        changed = version is None or version != self._listed
        self._list = self._list or changed or any(each.state == "unverified" or self._left(each, asked) for each in waiting)

    def _left(self, each: Analysis, asked: int) -> bool:
        """Whether the device, asked after the run began, is no longer working on it."""
        if asked <= each.since:
            return False
        return (self._ready_at or 0) > each.since or (self._active is not None and self._active != each.run)

    def next(self, now: int) -> ReadNodes | CallMethod | None:
        """What to ask now: a result to fetch, the ResultSet to list, a program to start, or nothing."""
        for child in self._fetch:
            return ReadNodes((f"{self._results}/{child}",))
        if self._list:
            return ReadNodes((self._results,))
        if self._ready_at is None or any(each.state in ("asked", "unverified") for each in self.open.values()):
            return None
        for each in [each for each in self.open.values() if each.state == "queued"]:
            each.state, each.since, self._ready_at = "asked", now, None
            sample = {"ContainerId": "", "SampleId": each.sample, "Position": each.stream, "CustomData": each.purpose}
            return CallMethod(self._method, (each.template, dict(each.properties), each.batch, each.sample, (sample,)))
        return None

    def started(self, call: CallMethod, reply: Reply, now: int) -> None:
        """Take in the answer to StartProgram, or that none came (``failure``: what became of it is not known)."""
        each = self.open.get(call.arguments[3])
        if each is None or each.state != "asked":
            return
        each.since = now
        if reply.ok:
            each.state, each.run = "running", str(reply.document[0])
            self._active = each.run
        elif reply.failure == "refused" or reply.exception is not None:
            if reply.exception in (BAD_INVALID_STATE, BAD_STATE_NOT_ACTIVE):
                each.state = "queued"           # certainly not executed: busy; asked again when a poll finds it ready
            else:
                self._close(each, {"refused": f"0x{reply.exception or BAD:08X}"}, BAD)
        else:
            each.state = "unverified"

    def listed(self, results: Mapping[str, Mapping[str, Any]] | None, asked: int, now: int) -> None:
        """Take in the ResultSet (None: no answer came, it is listed again after the next poll)."""
        self._list = False
        if results is None:
            self._listed = msgspec.UNSET
            return
        self._listed = self._version
        for each in [each for each in self.open.values() if each.state in ("running", "unverified") and each.since < asked]:
            ours = {child: found for child, found in results.items() if self._matches(each, found)}
            if each.state == "unverified":
                self._verify(each, ours, now)
            if each.state != "running":
                continue
            complete = [child for child, found in ours.items() if found.get("Stopped")]
            if complete:
                each.twice = len(complete) > 1
                self._fetch[complete[0]] = each.sample
                continue
            each.missing = (each.missing or now) if self._left(each, asked) else None
            if each.missing is not None and now - each.missing >= GRACE:
                self._close(each, {"missing": "the device stopped without a result"}, BAD)

    @staticmethod
    def _matches(each: Analysis, found: Mapping[str, Any]) -> bool:
        return (
            found.get("SupervisoryTaskId") == each.sample
            and found.get("SupervisoryJobId") == each.batch
            and (not each.run or found.get("DeviceProgramRunId", each.run) == each.run)
        )

    def _verify(self, each: Analysis, ours: Mapping[str, Mapping[str, Any]], now: int) -> None:
        """Settle what became of a StartProgram that had no answer, from a ResultSet listed after it."""
        if ours:
            first = next(iter(ours.values()))
            each.state, each.run = "running", str(first.get("DeviceProgramRunId") or "")
        elif self._ready_at is not None and self._ready_at > each.since:
            if each.ours:
                each.state, each.since = "queued", now
            else:
                self._close(each, {"missing": "the device knows no such task"}, BAD)

    def fetched(self, child: str, result: Mapping[str, Any] | None, now: int) -> None:
        """Take in one whole result (None: no answer came, the ResultSet is listed again)."""
        each = self.open.get(self._fetch.pop(child, ""))
        if each is None:
            return
        samples = {sample.get("SampleId") for sample in (result or {}).get("Samples", ())}
        if result is None or not self._matches(each, result) or samples != {each.sample} or not result.get("Stopped"):
            self._listed = msgspec.UNSET
            return
        variables: dict[str, tuple[float, int]] = result.get("VariableSet", {})
        properties: dict[str, str] = dict(result.get("Properties", {}))
        values = {name: value for name, (value, _) in variables.items() if not name.endswith(".u")}
        u = {name.removesuffix(".u"): value for name, (value, _) in variables.items() if name.endswith(".u")}
        qc: dict[str, Any] = {key: _figure(value) for key, value in properties.items() if key not in ("unit", "Stream")}
        failed = failures(qc, values, u, () if each.stream == "QC" else RARE_EARTHS)
        qc["failed"] = failed
        quality = judge(failed, [status for _, status in variables.values()])
        if each.twice:
            qc["duplicated"], quality = True, worse(quality, UNCERTAIN)
        self._close(
            each, qc, quality, values=values, u=u, unit=properties.get("unit", "kg/kg" if each.template in SOLIDS else "g/L"),
            taken_utc=int(result.get("Started") or 0), measured_utc=int(result["Stopped"]),
        )

    def lost(self, now: int) -> None:
        """The device is gone: a start in flight is unverified, nothing is known of readiness or results."""
        for each in self.open.values():
            if each.state == "asked":
                each.state, each.since = "unverified", now
        self._ready_at = self._active = None
        self._listed, self._list = msgspec.UNSET, False
        self._fetch.clear()

    def _close(self, each: Analysis, qc: dict[str, Any], quality: int, **found: Any) -> None:
        del self.open[each.sample]
        self._closed.add(each.sample)
        self.documents.append(IcpDocument(
            sample=each.sample, batch=each.batch, stream=each.stream, purpose=each.purpose, qc=qc, quality=quality, **found))


def _figure(text: str) -> float | str:
    """The number in a property's text, or the text."""
    try:
        return float(text)
    except ValueError:
        return text


def failures(
    qc: Mapping[str, Any], values: Mapping[str, float], u: Mapping[str, float], needed: tuple[str, ...] = RARE_EARTHS
) -> list[str]:
    """Names of the checks that failed: quality control outside its limits, a value that cannot be, a needed one missing.

    Limits: ``CALIBRATION_QC`` and ``SAMPLE_QC`` of the profile. Source: EPA 6010-style criteria (house domain brief, 5).
    """
    found = [
        key for limits in (CALIBRATION_QC, SAMPLE_QC) for key, (low, high) in limits.items()
        if key in qc and not (isinstance(qc[key], float) and low <= qc[key] <= high)
    ]
    if not any(key in qc for key in CALIBRATION_QC):
        found.append("no_calibration_check")
    missing = [element for element in needed if element not in values]
    found += [f"{element}_missing" for element in missing]
    found += [
        f"{element}_implausible" for element, value in values.items()
        if not (math.isfinite(value) and -3.0 * abs(u.get(element, 0.0)) <= value <= 1e3)
    ]
    return found


def judge(failed: list[str], statuses: list[int]) -> int:
    """The quality of a result: Bad without a proven calibration or with values missing, Uncertain where the sample is doubtful."""
    quality = GOOD
    for status in statuses:
        quality = worse(quality, status)
    for name in failed:
        doubtful = name in SAMPLE_QC or name == "no_calibration_check"
        quality = worse(quality, UNCERTAIN_SENSOR_NOT_ACCURATE if doubtful else BAD_OUT_OF_SERVICE)
    return quality if statuses else BAD
