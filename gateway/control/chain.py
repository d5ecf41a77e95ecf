"""What the journal says: the entries, how they become bytes, and the hash that chains the bytes.

An entry is stored as one JSON object (readable with any tool); the chain is over the stored bytes, never over a
re-encoding: ``hash_k = SHA-256(hash_{k-1} || bytes_k)``, ``hash_0`` is 32 zero bytes.

    >>> head = link(GENESIS, seal(Note(text="first"), seq=1, utc=0, mono=0))
    >>> len(head)
    32
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

GENESIS = bytes(32)
FORMAT = 1


class _Entry(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True, kw_only=True):
    """Base of all entries; the tag is the snake_case name under which it is stored."""


class ServiceStarted(_Entry, tag="service_started", frozen=True):
    """The plant process came up. ``recovered``: batches that were running and are HELD now."""

    version: str
    config_digest: str
    software: dict[str, str] = {}
    recovered: list[str] = []
    read_only: bool = False
    clock: str = "unknown"                      # time source status


class ServiceStopped(_Entry, tag="service_stopped", frozen=True):
    """The plant process went down in order."""

    reason: str


class CommandReceived(_Entry, tag="command", frozen=True):
    """A command by a person or a program, and what became of it."""

    verb: str
    target: str
    who: str
    role: str = ""
    why: str = ""
    arguments: dict[str, Any] = {}
    outcome: str = "accepted"                   # accepted | refused
    reason: str = ""
    key: str = ""                               # idempotency key


class BatchCreated(_Entry, tag="batch_created", frozen=True):
    """A batch with its frozen control recipe, lot and computed amounts."""

    batch: str
    unit: str
    recipe: str
    recipe_hash: str
    control_recipe: dict[str, Any]
    lot: dict[str, Any]
    who: str
    checks: dict[str, Any] = {}                 # calibrations and proof tests as they stood, by name


class BatchState(_Entry, tag="batch_state", frozen=True):
    """The procedural state of a batch changed (ISA-88)."""

    batch: str
    was: str
    now: str
    cause: str
    who: str = ""


class StepState(_Entry, tag="step_state", frozen=True):
    """A step of the procedure changed state."""

    batch: str
    step: str
    phase: str
    was: str
    now: str
    cause: str = ""
    report: dict[str, Any] = {}
    memory: dict[str, Any] = {}                 # what the phase needs to go on after a restart
    shared: dict[str, Any] = {}                 # what the batch needs, likewise
    totals: dict[str, float] = {}               # totals that this process computes, by tag, and where the acid stood (``MeterFell``):
                                                # a restart goes on from them


class MeterFell(_Entry, tag="meter_fell", frozen=True):
    """The total of a meter fell (cleared at its panel, power) while a batch counts by it: the batch counts on."""

    batch: str
    tag: str
    was: float
    now: float
    counted: float                              # since the batch began, with what the meter shows now


class LoopMode(_Entry, tag="loop_mode", frozen=True):
    """Mode, setpoint or owner of a loop changed."""

    loop: str
    mode: str
    was: str
    setpoint: float | None = None
    setpoint_was: float | None = None
    out: float | None = None
    ramp_per_min: float | None = None           # the recipe's own ramp, where it asks for one
    owner: str = ""
    cause: str = ""


class LoopTuning(_Entry, tag="loop_tuning", frozen=True):
    """A relay experiment on a loop began or ended. ``reference``: pv it switches around; ``out``: where the output stood and returns to."""

    loop: str
    event: str                                  # begun | ended
    reference: float = 0.0
    out: float = 0.0
    amplitude: float = 0.0
    hysteresis: float = 0.0
    pv_low: float = 0.0
    pv_high: float = 0.0
    longest_s: float = 0.0
    reason: str = ""                            # ended: done | asked | pv_limit | out_limit | bad_pv | time | blocked | ...
    detail: str = ""
    result: dict[str, float] = {}               # done: pu_s, ku, a, d, bias, offset, periods
    who: str = ""
    why: str = ""


class LoopTuned(_Entry, tag="loop_tuned", frozen=True):
    """A loop works with another tuning, until its configuration is changed: gain as in loops.yaml (its sign is that of ``action``)."""

    loop: str
    gain: float
    ti_s: float | None = None
    td_s: float = 0.0
    gain_was: float = 0.0
    ti_was_s: float | None = None
    td_was_s: float = 0.0
    gain_configured: float = 0.0                # what the configuration says: a later configuration that says else stands above
    ti_configured_s: float | None = None
    td_configured_s: float = 0.0
    rule: str = ""
    who: str = ""
    why: str = ""


class OutputChanged(_Entry, tag="output", frozen=True):
    """A discrete or program-set output got a new wanted value or owner (moves inside AUTO are not entries)."""

    tag: str
    wanted: float
    was: float
    owner: str
    cause: str = ""
    batch: str = ""


class WriteFailed(_Entry, tag="write", frozen=True):
    """A write did not end accepted and verified."""

    tag: str
    wanted: float
    outcome: str                                # rejected | unverified | diverged | expired
    readback: float | None = None
    detail: str = ""


class InterlockChanged(_Entry, tag="interlock", frozen=True):
    """An interlock tripped, cleared, was reset, bypassed, or its bypass ended (``bypass_ending``: it is about to).

    ``demanded``: its cause stands, and only a bypass keeps it from tripping.
    """

    interlock: str
    event: str                                  # tripped | cleared | reset | bypassed | demanded | bypass_ending | bypass_ended
    unit: str = ""
    priority: str = ""                          # of a trip or a demand, as of an alarm
    first_out: bool = False
    cause: str = ""
    who: str = ""
    why: str = ""
    until_utc: int = 0
    inputs: dict[str, list[Any]] = {}           # name -> [value, quality name]


class ForceChanged(_Entry, tag="force", frozen=True):
    """A reading was replaced or an output held by a person for a time, or that ended. ``effect``: what it does to interlocks."""

    tag: str
    event: str                                  # set | ending | ended
    value: float = 0.0
    unit: str = ""
    who: str = ""
    why: str = ""
    cause: str = ""                             # of an end that nobody asked for
    until_utc: int = 0
    effect: dict[str, list[str]] = {}


class AlarmChanged(_Entry, tag="alarm", frozen=True):
    """An alarm went from one ISA-18.2 state to another."""

    alarm: str
    was: str
    now: str
    priority: str = ""
    unit: str = ""
    value: float | None = None
    who: str = ""
    why: str = ""
    until_utc: int = 0                          # end of a shelving
    first_out: bool = False                     # the first of its group that sounded


class AlarmFlood(_Entry, tag="alarm_flood", frozen=True):
    """More alarms sound than a person can take in, or no longer so."""

    event: str                                  # began | ended
    count: int                                  # annunciated in the last ten minutes
    total: int = 0                              # of the flood so far
    peak: int = 0                               # most in ten minutes
    lasted_s: int = 0


class DeviceChanged(_Entry, tag="device", frozen=True):
    """Something happened to the talk with a device."""

    device: str
    # lost | regained | refused | wrong_device | missed | noisy_bus | late_answers | second_master | degraded | restored | skewed |
    # skew_ended | expiring
    event: str
    detail: str = ""


class Prompted(_Entry, tag="prompt", frozen=True):
    """A question to the operator, or its answer."""

    batch: str
    prompt: str
    event: str                                  # asked | answered
    text: str = ""
    answer: str = ""
    who: str = ""


class Charged(_Entry, tag="charged", frozen=True):
    """A mass or volume that went into or out of the unit, with its standard uncertainty.

    ``material``: solids | water | acid | peroxide | base | base_fine | wash | liquor | filtrate | cake | sample | sample_solids |
    cake_sample | heel | heel_solids | buffer
    """

    batch: str
    material: str
    amount: float
    unit: str                                   # kg or L
    u: float
    source: str = ""                            # tag
    lot: str = ""
    direction: str = "in"                       # in | out


class SampleRequested(_Entry, tag="sample", frozen=True):
    """The ICP was asked for an analysis."""

    batch: str
    sample: str
    stream: str
    purpose: str
    context: dict[str, float] = {}              # figures at the time of the request (minutes, volume_l)


class IcpResult(_Entry, tag="icp_result", frozen=True):
    """An ICP result as received, with its QC."""

    sample: str
    batch: str
    stream: str
    purpose: str
    taken_utc: int
    measured_utc: int
    values: dict[str, float]                    # element -> g/L (liquor) or kg/kg (solids)
    u: dict[str, float]                         # standard uncertainty, same units
    unit: str = "g/L"
    qc: dict[str, Any] = {}
    quality: int = 0
    context: dict[str, float] = {}              # figures at the time the sample was taken (volume, mass)


class Balance(_Entry, tag="balance", frozen=True):
    """The balance per element at the end of a batch: what ``batch.balance`` computed, and from what."""

    batch: str
    elements: dict[str, dict[str, float]]
    inputs: dict[str, Any] = {}


class Checked(_Entry, tag="checked", frozen=True):
    """A calibration or proof test: what was applied and shown, and what the plant process computed from it.

    ``faults`` empty: it passed; ``found_faults``: what was wrong before anything was adjusted. ``number`` counts the records of a
    check; ``corrects``: the number of the record that this one replaces, in whose ``place`` it then stands.
    """

    check: str
    what: str                                   # ph | gas_bump | scale | icp | proof_test
    of: str                                     # tag, device or interlock
    unit: str
    number: int
    place: int
    who: str
    at_utc: int                                 # when it was done
    due_utc: int
    reference: dict[str, float]                 # what was applied
    as_found: dict[str, float]                  # what was shown
    found: dict[str, float]                     # figures of that
    as_left: dict[str, float] = {}              # what was shown after adjustment, if there was one
    left: dict[str, float] = {}
    found_faults: list[str] = []
    faults: list[str] = []
    certificate: str = ""                       # of buffers, gas, weight, control sample
    method: str = ""
    why: str = ""
    corrects: int = 0


class Note(_Entry, tag="note", frozen=True):
    """Something worth keeping: a deviation, a skipped scan, a clock step."""

    text: str
    batch: str = ""
    tag: str = ""
    who: str = ""


Entry = (
    ServiceStarted | ServiceStopped | CommandReceived | BatchCreated | BatchState | StepState | LoopMode | LoopTuning | LoopTuned
    | OutputChanged | WriteFailed | InterlockChanged | ForceChanged | AlarmChanged | AlarmFlood | DeviceChanged | Prompted | Charged
    | SampleRequested | IcpResult | Balance | Checked | MeterFell | Note
)


class Stored(msgspec.Struct, frozen=True):
    """An entry as it stands in the journal."""

    seq: int
    utc: int
    mono: int
    entry: Entry
    v: int = FORMAT


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Stored)


def seal(entry: Entry, *, seq: int, utc: int, mono: int) -> bytes:
    """The bytes to store for an entry; deterministic for equal arguments."""
    return _encoder.encode(Stored(seq, utc, mono, entry))


def unseal(stored: bytes) -> Stored:
    """The entry in stored bytes. Raises msgspec.DecodeError or ValidationError when they are not an entry."""
    return _decoder.decode(stored)


def link(previous: bytes, stored: bytes) -> bytes:
    """The hash of an entry, given the hash before it (32 bytes each)."""
    return hashlib.sha256(previous + stored).digest()
