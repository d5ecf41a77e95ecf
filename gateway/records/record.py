"""The shape of a batch record. Times are UTC ns; lists of ``Stored`` keep entries as they were written."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.control.chain import Stored


class Listed(msgspec.Struct):
    """One line of the list of batches."""

    batch: str
    unit: str
    recipe: str
    lot: str
    owner: str
    state: str
    created_utc: int
    ended_utc: int = 0


class Span(msgspec.Struct):
    """Time spent in one state: of the batch, or of a step. ``end_utc`` 0: still in it."""

    name: str
    state: str
    start_utc: int
    end_utc: int = 0
    phase: str = ""
    cause: str = ""
    who: str = ""
    report: dict[str, Any] = {}

    def minutes(self, until_utc: int) -> float:
        """Duration, min."""
        return ((self.end_utc or until_utc) - self.start_utc) / 60e9


class Question(msgspec.Struct):
    """A prompt and its answer; ``answered_utc`` 0: open."""

    prompt: str
    text: str
    asked_utc: int
    answered_utc: int = 0
    answer: str = ""
    who: str = ""


class Deviation(msgspec.Struct):
    """Something that was not as planned; ``seq``: the journal entry that says so."""

    seq: int
    utc: int
    kind: str
    text: str
    who: str = ""


class BatchRecord(msgspec.Struct, kw_only=True):
    """Everything the journal knows about one batch. Times are UTC ns; ``Stored`` lists keep entries as they were written."""

    batch: str
    unit: str
    state: str
    recipe: str
    recipe_hash: str
    control_recipe: dict[str, Any]
    lot: dict[str, Any]
    created_by: str
    created_utc: int
    started_utc: int = 0
    ended_utc: int = 0
    last_utc: int = 0
    first_seq: int = 0
    last_seq: int = 0
    journal_seq: int = 0
    journal_head: str = ""
    version: str = "unknown"
    config_digest: str = ""
    software: dict[str, str] = {}
    clock: str = "unknown"
    states: list[Span] = []
    steps: list[Span] = []
    holds: list[Span] = []
    prompts: list[Question] = []
    setpoints: list[Stored] = []
    outputs: list[Stored] = []
    commands: list[Stored] = []
    alarms: list[Stored] = []
    interlocks: list[Stored] = []
    writes: list[Stored] = []
    devices: list[Stored] = []
    services: list[Stored] = []
    charged: list[Stored] = []
    samples: list[Stored] = []
    results: list[Stored] = []
    notes: list[Stored] = []
    deviations: list[Deviation] = []
    balance: dict[str, dict[str, float]] = {}
    balance_inputs: dict[str, Any] = {}
    checks: dict[str, Any] = {}                 # calibrations and proof tests as they stood when it was created

    @property
    def until_utc(self) -> int:
        """When it ended, or the last we know of it."""
        return self.ended_utc or self.last_utc
