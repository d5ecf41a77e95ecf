"""A plausible selective leach, written down without a plant: for the record's tests and for looking at its page."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

from devices.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN
from gateway.batch.balance import balance
from gateway.batch.gather import gather
from gateway.control.chain import (
    AlarmChanged,
    Balance,
    BatchCreated,
    BatchState,
    Charged,
    CommandReceived,
    DeviceChanged,
    Entry,
    IcpResult,
    InterlockChanged,
    LoopMode,
    Note,
    OutputChanged,
    Prompted,
    SampleRequested,
    ServiceStarted,
    StepState,
    WriteFailed,
)
from gateway.control.image import SECOND, Now
from gateway.history.rows import History
from gateway.records.journal import MemoryJournal

BATCH = "B-2026-0147-01"
T0 = 1_783_756_800 * SECOND  # 2026-07-11 08:00:00 UTC
MINUTE = 60 * SECOND
ASSAY = {"Nd": 0.16562, "Pr": 0.03995, "Dy": 0.01308, "Tb": 0.001453, "Fe": 0.47506, "Co": 0.009443}
LOT: dict[str, Any] = {
    "lot": "DNAL-2026-0147",
    "owner": "DNA Link",
    "site": "Yesan",
    "process_step": "slicing and grinding swarf, de-oiled and roasted at 800 degC",
    "alloy": "NdFeB, EV traction grade",
    "feed_state": "roasted",
    "mass_kg": 83.6,
    "moisture": 0.012,
    "moisture_u": 0.003,
    "d50_um": 150,
    "mass_u_rel": 0.001,
    "assay": {e: {"fraction": a, "u_rel": 0.010, "method": "ICP-OES after fusion"} for e, a in ASSAY.items()},
    "waste_origin": "pre_consumer",
    "origin": {"mining": "unknown", "separation": "unknown", "magnet": "KR"},
    "ownership": "toll",
}
# step, phase, start and end in minutes from the start of the batch
STEPS = [
    ("check", "CHECK_UNIT", 0, 2),
    ("water", "CHARGE_WATER", 2, 24),
    ("agitate", "START_AGITATOR", 24, 25),
    ("warm", "HEAT", 25, 95),
    ("solids", "DOSE_SOLIDS", 95, 137),
    ("acid", "DOSE_ACID", 137, 233),
    ("heat", "HEAT", 233, 268),
    ("leach", "LEACH", 268, 448),
    ("residue", "RESIDUE_SAMPLE", 448, 470),
    ("cool", "COOL", 470, 530),
    ("oxidise", "OXIDISE", 530, 560),
    ("adjust", "ADJUST_PH", 560, 690),
    ("filter", "FILTER", 690, 740),
    ("wash", "WASH", 740, 775),
    ("blow", "BLOW", 775, 787),
    ("filtrate", "SAMPLE", 787, 800),
    ("buffer", "TO_BUFFER", 800, 815),
]
END = 815
ROLES = {
    "temperature": "TT-1011A",
    "setpoint": "TIC-1011.sp",
    "ph": "AT-1012",
    "acid_total": "FQ-111",
    "acid_rate": "FT-111",
    "lel": "AT-1014",
}


def synthetic(seed: int = 1) -> MemoryJournal:
    """The journal of one batch with a hold, a refused command, a bypass refused, a failed QC and a lost device."""
    story = _Story(seed)
    story.before()
    story.steps()
    story.trouble()
    story.analyses()
    story.amounts()
    story.end()
    return story.journal()


class _Story:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.told: list[tuple[float, Entry]] = []

    def at(self, minute: float, *entries: Entry) -> None:
        """Something was written down."""
        self.told += [(minute, entry) for entry in entries]

    def journal(self) -> MemoryJournal:
        """Everything in order of time."""
        journal = MemoryJournal()
        for minute, entry in sorted(self.told, key=lambda each: each[0]):
            journal.append([entry], Now(round(minute * MINUTE), T0 + round(minute * MINUTE)))
        return journal

    def before(self) -> None:
        """The plant comes up, another batch runs elsewhere, this one is created and started."""
        self.at(
            -300,
            ServiceStarted(
                version="0.1.0",
                config_digest="5d0c" * 16,
                software={"python": "3.13.5", "sqlite": "3.54.0"},
                clock="synchronised (NTP, ±3 ms)",
            ),
        )
        other = {"lot": "OTHER", "owner": "Someone else"}
        self.at(
            -200,
            BatchCreated(
                batch="B-OTHER", unit="R-102", recipe="LEACH-NDFEB-METAL 1.0", recipe_hash="00", control_recipe={}, lot=other, who="m.kerr"
            ),
        )
        self.at(-199, BatchState(batch="B-OTHER", was="IDLE", now="RUNNING", cause="start", who="m.kerr"))
        formula = {
            "charge_mass": {"value": 83.6, "unit": "kg", "description": "feed as charged, with its moisture"},
            "water": {"value": 550, "unit": "L", "description": "initial liquor"},
            "acid_ratio": {"value": 4.5, "unit": "1", "description": "mol HCl per mol REE"},
            "leach_temperature": {"value": 80, "unit": "degC"},
            "ph": {"value": 3.5, "unit": "pH"},
        }
        self.at(
            -12,
            BatchCreated(
                batch=BATCH,
                unit="R-101",
                recipe="LEACH-NDFEB-SEL 1.0",
                recipe_hash="9f2c41d07be86a55" * 4,
                control_recipe={"formula": formula},
                lot=LOT,
                who="a.byrne",
            ),
        )
        self.at(-0.2, CommandReceived(verb="start", target=BATCH, who="a.byrne", role="operator", key="k1"))
        self.at(0, BatchState(batch=BATCH, was="IDLE", now="RUNNING", cause="start", who="a.byrne"))

    def steps(self) -> None:
        """The procedure and the setpoints it gives."""
        for name, phase, start, end in STEPS:
            self.at(start, StepState(batch=BATCH, step=name, phase=phase, was="IDLE", now="RUNNING"))
            report = {"amount_l": 55.8, "cause": "total"} if phase == "DOSE_ACID" else {"slope_per_h": 0.7} if phase == "LEACH" else {}
            self.at(end - 0.01, StepState(batch=BATCH, step=name, phase=phase, was="RUNNING", now="COMPLETE", report=report))
        for minute, setpoint in ((25, 60.0), (233, 80.0), (470, 55.0)):
            self.at(
                minute,
                LoopMode(
                    loop="TIC-1011",
                    mode="AUTO",
                    was="MANUAL" if minute == 25 else "AUTO",
                    setpoint=setpoint,
                    setpoint_was=setpoint - 20,
                    owner="program",
                    cause=BATCH,
                ),
            )
        self.at(137, LoopMode(loop="FIC-111", mode="AUTO", was="MANUAL", setpoint=0.65, owner="program", cause=BATCH))
        for tag, minute, wanted in (("XV-121", 2, 1.0), ("XV-121", 23.9, 0.0), ("XV-111", 137, 1.0), ("XV-111", 233, 0.0)):
            self.at(minute, OutputChanged(tag=tag, wanted=wanted, was=1 - wanted, owner="program", cause="step", batch=BATCH))

    def trouble(self) -> None:
        """A stopped agitator in mid-dosing, and small things."""
        self.at(
            152,
            AlarmChanged(alarm="R-101.hydrogen_high", was="NORM", now="UNACK", priority="high", unit="R-101", value=10.4),
            CommandReceived(
                verb="set_setpoint",
                target="FIC-111",
                who="guest",
                role="viewer",
                arguments={"setpoint": 1.9},
                outcome="refused",
                reason="role viewer may not change a setpoint",
            ),
        )
        self.at(
            154,
            AlarmChanged(alarm="R-101.hydrogen_high", was="UNACK", now="ACKED", priority="high", unit="R-101", value=9.1, who="a.byrne"),
        )
        self.at(158, AlarmChanged(alarm="R-101.hydrogen_high", was="ACKED", now="NORM", priority="high", unit="R-101", value=7.5))
        inputs: dict[str, list[Any]] = {"agitator_running": [0, "Good"], "agitator_speed": [12.0, "Good"]}
        self.at(
            171,
            InterlockChanged(
                interlock="R-101.agitator_not_proven",
                event="tripped",
                unit="R-101",
                first_out=True,
                cause="agitator_running == 0 for 5 s",
                inputs=inputs,
            ),
            AlarmChanged(alarm="R-101.agitator_not_proven", was="NORM", now="UNACK", priority="critical", unit="R-101", value=12.0),
        )
        self.at(
            171.01,
            InterlockChanged(interlock="R-101.acid_valve_travel", event="tripped", unit="R-101", cause="travel unproven"),
            BatchState(batch=BATCH, was="RUNNING", now="HOLDING", cause="interlock R-101.agitator_not_proven"),
        )
        self.at(171.3, BatchState(batch=BATCH, was="HOLDING", now="HELD", cause="outputs in hold position"))
        self.at(
            173,
            CommandReceived(
                verb="bypass",
                target="R-101.agitator_not_proven",
                who="a.byrne",
                role="operator",
                why="motor warm",
                outcome="refused",
                reason="this interlock cannot be bypassed",
            ),
        )
        self.at(
            174,
            Prompted(batch=BATCH, prompt="agitator", event="asked", text="Agitator stopped with acid in the tank. Cause found & cleared?"),
        )
        self.at(
            181,
            Prompted(
                batch=BATCH, prompt="agitator", event="answered", answer="overload reset, impeller free <checked by hand>", who="a.byrne"
            ),
        )
        self.at(
            182,
            InterlockChanged(interlock="R-101.agitator_not_proven", event="reset", unit="R-101", who="a.byrne"),
            CommandReceived(verb="restart", target=BATCH, who="a.byrne", role="operator"),
        )
        self.at(182.1, BatchState(batch=BATCH, was="HELD", now="RESTARTING", cause="restart", who="a.byrne"))
        self.at(185, BatchState(batch=BATCH, was="RESTARTING", now="RUNNING", cause="agitator steady, hydrogen steady"))
        self.at(372, DeviceChanged(device="TC-101", event="lost", detail="no answer within 500 ms"))
        self.at(379, DeviceChanged(device="TC-101", event="regained"))
        self.at(610, WriteFailed(tag="XV-132", wanted=0.0, outcome="unverified", detail="no travel switch within 8 s"))
        self.at(611, Note(text="XV-132 closed by hand, switch cleaned", batch=BATCH, who="a.byrne"))
        self.at(300, AlarmChanged(alarm="R-102.level_high", was="NORM", now="UNACK", priority="high", unit="R-102", value=81.0))

    def analyses(self) -> None:
        """Leach samples every 20 minutes, a residue, the filtrate, the cake."""
        for k, minute in enumerate(range(275, 446, 20), start=1):
            done = 1 - math.exp(-(minute - 150) / 60)
            quality = UNCERTAIN if k == 4 else GOOD
            self._icp(
                k,
                minute,
                "leach",
                {e: 1e3 * 82.6 * a * (0.986 * done if e != "Fe" else 0.035) / 605 for e, a in ASSAY.items()},
                quality=quality,
                context={"volume_l": 605.0, "u_volume_l": 6.0},
            )
        dry = 82.6 * ASSAY["Fe"] * 0.965 / 0.62
        self._icp(20, 452, "residue", {e: 82.6 * a * (0.015 if e != "Fe" else 0.965) / dry for e, a in ASSAY.items()}, unit="kg/kg")
        liquor = {e: 1e3 * 82.6 * a * (0.951 if e != "Fe" else 5e-5) / 790 for e, a in ASSAY.items()}
        self._icp(21, 788, "filtrate", liquor)
        self._icp(
            22,
            801,
            "cake",
            {e: 82.6 * a * (0.047 if e != "Fe" else 0.999) / 71.0 for e, a in ASSAY.items()},
            unit="kg/kg",
            context={"moisture": 0.41, "u_moisture": 0.01},
        )

    def _icp(
        self,
        k: int,
        minute: float,
        purpose: str,
        values: dict[str, float],
        unit: str = "g/L",
        quality: int = GOOD,
        context: dict[str, float] | None = None,
    ) -> None:
        noisy = {e: round(v * self.rng.gauss(1, 0.006), 6) for e, v in values.items()}
        qc = {"ccv_pct": 100.4 if quality == GOOD else 88.7, "rsd_pct": 0.6}
        self.at(minute, SampleRequested(batch=BATCH, sample=f"S-{k:04d}", stream="R-101", purpose=purpose, context=context or {}))
        self.at(
            minute + 6,
            IcpResult(
                sample=f"S-{k:04d}",
                batch=BATCH,
                stream="R-101",
                purpose=purpose,
                taken_utc=T0 + round(minute * MINUTE),
                measured_utc=T0 + round((minute + 5.5) * MINUTE),
                values=noisy,
                u={e: 0.012 * v for e, v in noisy.items()},
                unit=unit,
                qc=qc,
                quality=quality,
            ),
        )

    def amounts(self) -> None:
        """What was weighed and metered."""
        for minute, material, amount, unit, u, source, way in (
            (24, "water", 550.2, "L", 2.8, "FT-121", "in"),
            (137, "solids", 83.61, "kg", 0.084, "W-101", "in"),
            (233, "acid", 55.8, "L", 0.3, "FQ-111", "in"),
            (560, "peroxide", 1.42, "L", 0.03, "FQ-121", "in"),
            (690, "base", 21.3, "L", 0.2, "FQ-131", "in"),
            (740, "filtrate", 600.0, "L", 4.2, "FQ-201", "out"),
            (775, "wash", 190.1, "L", 1.4, "FQ-202", "in"),
            (786, "filtrate", 190.0, "L", 1.4, "FQ-201", "out"),
            (787, "cake", 120.3, "kg", 0.2, "WIT-202", "out"),
        ):
            lot = LOT["lot"] if material == "solids" else ""
            self.at(minute, Charged(batch=BATCH, material=material, amount=amount, unit=unit, u=u, source=source, lot=lot, direction=way))

    def end(self) -> None:
        """The balance, the end, and life after it."""
        charged = [entry for _, entry in self.told if isinstance(entry, Charged)]
        results = [entry for _, entry in self.told if isinstance(entry, IcpResult)]
        asked = [entry for _, entry in self.told if isinstance(entry, SampleRequested)]
        found = balance(gather(LOT, charged, results, requests=asked))
        self.at(END, Balance(batch=BATCH, elements=found.plain(), inputs={"route": found.route, "flags": found.flags}))
        self.at(END + 0.1, BatchState(batch=BATCH, was="RUNNING", now="COMPLETE", cause="last step complete"))
        self.at(END + 30, AlarmChanged(alarm="R-101.level_low", was="NORM", now="UNACK", priority="low", unit="R-101", value=0.4))


def histories(history: History, seed: int = 1) -> None:
    """Samples of the trends' tags, every 30 s, with the hole where TC-101 was lost."""
    rng = random.Random(seed)
    for s in range(0, END * 60, 30):
        m = s / 60
        lost = 372 <= m < 379
        sp = 60 if m < 233 else 80 if m < 470 else 55
        rows = [
            ("TIC-1011.sp", float(sp if m >= 25 else 20), GOOD),
            ("TT-1011A", math.nan if lost else _temperature(m) + rng.gauss(0, 0.12), BAD_NO_COMMUNICATION if lost else GOOD),
            ("AT-1012", _ph(m) + rng.gauss(0, 0.015), GOOD),
            ("FQ-111", _acid(m), GOOD),
            ("FT-111", (0.65 + rng.gauss(0, 0.004)) if 137 <= m < 171 or 185 <= m < 233 else 0.0, GOOD),
            ("AT-1014", max(0.0, _hydrogen(m) + rng.gauss(0, 0.12)), GOOD),
        ]
        history.write(T0 + s * SECOND, rows)


def _ramp(m: float, *corners: tuple[float, float]) -> float:
    """Linear between corners (minute, value)."""
    for (a, x), (b, y) in itertools.pairwise(corners):
        if m < b:
            return x + (y - x) * max(0.0, m - a) / (b - a)
    return corners[-1][1]


def _temperature(m: float) -> float:
    return _ramp(m, (25, 19), (94, 59.6), (233, 60.2), (267, 79.8), (470, 80.1), (528, 55.5), (815, 46))


def _ph(m: float) -> float:
    return _ramp(m, (24, 6.8), (137, 7.4), (150, 1.4), (233, 0.6), (448, 1.15), (560, 1.2), (640, 3.5), (815, 3.5))


def _acid(m: float) -> float:
    return 0.65 * (min(max(m - 137, 0), 34) + min(max(m - 185, 0), 48)) * 1.047


def _hydrogen(m: float) -> float:
    peak = 10.2 * math.exp(-(((m - 152) / 9) ** 2))
    return 0.2 if m < 137 else peak + _ramp(m, (137, 0.2), (150, 2.5), (300, 0.3), (815, 0.1))
