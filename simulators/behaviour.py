"""What goes on inside simulated devices: control words become demands on the plant, measured values and health become status words.

    >>> drive = behaviour("abb_acs580", full_rpm=400.0)
    >>> drive.step(bank, {"rpm": 248.0, "kw": 0.31}, dt_s=0.5)
    {'enable': 1.0, 'speed_pct': 62.5, 'speed_rpm': 250.0}

``measured`` holds values of points by their names, in the points' units, and the few names each class lists; what is absent
is left as it is. The mapping returned is what the device asks of the plant. Devices without inner logic (remote I/O) have none.

Source: the state and status tables of the instruments' profiles (``devices/instruments``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from devices.instruments import hamilton_arc, honeywell_xnx, sensepoint_xrl, vegapuls_c21

START = (0x0476, 0x0477, 0x047F)
TRIGGER = 0x5555


class Bank(Protocol):
    """A device's memory as its inside sees it: values by point name, and whether its watchdog has run out."""

    expired: bool

    def get(self, name: str, /) -> float: ...
    def set(self, name: str, value: float, /) -> None: ...
    def raw(self, name: str, /) -> int: ...

    def words(self, name: str, /) -> Sequence[int]:
        """Every word written to a command point since it was last asked, oldest first."""
        ...


class Behaviour(Protocol):
    """The inside of one device. ``dt_s``: seconds since the last step."""

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]: ...


# ------------------------------------------------------------------------------------------------------------- drives
class Acs580:
    """ABB drive. Measured: ``rpm``, ``kw``, ``trip`` (1 while the cause lasts), ``panel_reset`` (somebody presses reset at the drive).

    ``full_rpm``: shaft speed at 100 % (46.01).

    State by what a control word says: off1 (bit 0 low: ramp to a stop), on (0x0477), run (0x047F), emergency (OFF2 or OFF3 low).
    """

    TABLE: Mapping[str, Mapping[str, str]] = {
        "inhibited": {"off1": "switch_on", "on": "inhibited", "run": "inhibited", "emergency": "inhibited"},
        "switch_on": {"off1": "switch_on", "on": "operate", "run": "switch_on", "emergency": "inhibited"},
        "operate": {"off1": "switch_on", "on": "operate", "run": "running", "emergency": "inhibited"},
        "running": {"off1": "switch_on", "on": "operate", "run": "running", "emergency": "inhibited"},
        "tripped": {"off1": "tripped", "on": "tripped", "run": "tripped", "emergency": "tripped"},
    }
    _SW: Mapping[str, int] = {"inhibited": 0x0240, "switch_on": 0x0201, "operate": 0x0203, "running": 0x0207, "tripped": 0x0208}

    def __init__(self, full_rpm: float = 1500.0) -> None:
        self.full_rpm = full_rpm
        self.state = "inhibited"
        self._word = 0

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        for word in bank.words("run"):
            self._hear(word, cause=measured.get("trip", 0.0) != 0)
        if measured.get("trip", 0.0) != 0:
            self.state = "tripped"
        elif self.state == "tripped" and measured.get("panel_reset", 0.0) != 0:
            self.state = "inhibited"
        setpoint = bank.get("speed_sp") if self.state == "running" else 0.0
        self._report(bank, measured, setpoint)
        return {"enable": float(self.state == "running"), "speed_pct": setpoint, "speed_rpm": setpoint * self.full_rpm / 100}

    def _hear(self, word: int, cause: bool) -> None:
        if self.state == "tripped" and word & 0x80 and not self._word & 0x80 and not cause:
            self.state = "inhibited"
        self.state = self.TABLE[self.state][_event(word)]
        self._word = word

    def _report(self, bank: Bank, measured: Mapping[str, float], setpoint: float) -> None:
        speed = 100 * measured.get("rpm", 0.0) / self.full_rpm
        kw = measured.get("kw", 0.0)
        reached = self.state == "running" and abs(speed - setpoint) <= 1.0
        stops = (0x10 if self._word & 2 else 0) | (0x20 if self._word & 4 else 0)
        bank.set("status", self._SW[self.state] | stops | (0x100 if reached else 0))
        bank.set("speed", speed)
        bank.set("power", kw)
        bank.set("current", max(kw, 0.0) / (1.732 * 0.4 * 0.8))         # 400 V, cos phi 0.8: assumed


def _event(word: int) -> str:
    if word & 6 != 6:
        return "emergency"
    if not word & 1:
        return "off1"
    return "run" if word & 0x78 == 0x78 else "on"


class Grundfos:
    """E-pump behind a CIM. Measured: ``rpm``, ``kw``, ``trip``. Runs when remote and on, unless an alarm stands."""

    def __init__(self, full_rpm: float = 2900.0) -> None:
        self.full_rpm = full_rpm
        self.alarm = False

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        word = bank.raw("run")
        cause = measured.get("trip", 0.0) != 0
        self.alarm = cause or (self.alarm and not word & 4)
        run = word & 3 == 3 and not self.alarm
        setpoint = bank.get("setpoint")
        bank.set("status", (word & 1) << 8 | int(run) << 9 | int(self.alarm) << 10 | int(run and setpoint >= 100) << 13)
        bank.set("alarm_code", 1 if self.alarm else 0)
        rpm = measured.get("rpm", 0.0)
        bank.set("speed", rpm)
        bank.set("frequency", 50 * rpm / self.full_rpm)
        bank.set("power", measured.get("kw", 0.0))
        bank.set("current", measured.get("kw", 0.0) / 0.554)
        bank.set("actual_setpoint", setpoint if run else 0.0)
        return {"enable": float(run), "speed_pct": setpoint if run else 0.0}


class GammaX:
    """ProMinent dosing pump. Measured: ``l_min``, the flow it delivers. Doses in mode manual with the start bit, bus alive.

    A pump is delivered in mode manual (1): the first step sets it, a later write of ``target_mode`` changes it.
    """

    def __init__(self, max_l_h: float = 45.0) -> None:
        self.max_l_h = max_l_h
        self.total_l = 0.0
        self.strokes = 0.0
        self._commissioned = False

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        if not self._commissioned:
            bank.set("target_mode", 1)
            bank.set("max_capacity", self.max_l_h)
            self._commissioned = True
        run = bank.raw("run") & 1 == 1 and bank.raw("target_mode") == 1 and not bank.expired
        asked = min(max(bank.get("capacity"), 0.0), self.max_l_h) if run else 0.0
        self._count(bank, 60 * measured.get("l_min", 0.0) if asked > 0.0 else 0.0, asked, dt_s)     # counted by strokes: at rest, none
        bank.set("mode", bank.raw("target_mode"))
        return {"enable": float(run), "l_h": asked, "l_min": asked / 60}

    def _count(self, bank: Bank, l_h: float, asked: float, dt_s: float) -> None:
        rate = 180 * asked / self.max_l_h
        self.strokes += rate * dt_s / 60
        self.total_l += l_h * dt_s / 3600
        if bank.raw("clear_counters") == TRIGGER:
            self.strokes, self.total_l = 0.0, 0.0
            bank.set("clear_counters", 0)
        bank.set("speed", rate)
        bank.set("flow", l_h)
        bank.set("strokes", int(self.strokes))
        bank.set("total", self.total_l)


# ------------------------------------------------------------------------------------------------------- gas detectors
class GasDetector:
    """XNX or XRL. Measured: ``pv``, ``inhibit``, ``fault`` (a fault number), ``warm_up``.

    Not measuring, an XNX forces its reading to 0 and an XRL holds the last one; ``warm_up_s``: time from switching on.
    """

    def __init__(self, unit: int, holds: bool, warm_up_s: float = 0.0) -> None:
        self._unit, self._holds = unit, holds
        self._warm_up_s = warm_up_s
        self._last = 0.0
        self._age_s = 0.0

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        self._age_s += dt_s
        fault = int(measured.get("fault", 0.0))
        state = honeywell_xnx.NORMAL
        if self._age_s <= self._warm_up_s or measured.get("warm_up", 0.0) != 0:
            state = honeywell_xnx.WARM_UP
        elif measured.get("inhibit", 0.0) != 0:
            state = honeywell_xnx.INHIBIT
        if state == honeywell_xnx.NORMAL:
            _put(bank, measured, ("pv",))
            self._last = bank.get("pv")
        else:
            bank.set("pv", self._last if self._holds else 0.0)
        bank.set("state", state)
        bank.set("fault", fault)
        bank.set("flags", 0x40 if fault >= 1000 else 0x10 if fault else 0)
        bank.set("unit", self._unit)
        bank.set("heartbeat", int(self._age_s / 5) & 0xFFFF)
        return {}


# -------------------------------------------------------------------------------------------------------- transmitters
class Liquiline:
    """CM44x. Measured: ``ph``, ``orp``, ``temperature``, and ``<name>_fault`` (NE 107 F), ``<name>_check`` (NE 107 C or S).

    An input becomes assigned with its first value; before that its status is 3.
    """

    def __init__(self, assigned: Sequence[str] = ("ph", "orp", "temperature")) -> None:
        self._assigned = set(assigned)

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        for name in ("ph", "orp", "temperature"):
            _put(bank, measured, (name,))
            bad, doubtful = measured.get(f"{name}_fault", 0.0) != 0, measured.get(f"{name}_check", 0.0) != 0
            bank.set(f"{name}_status", 3 if name not in self._assigned else 2 if bad else 1 if doubtful else 0)
            if bad:
                bank.set(name, float("nan"))
        return {}


class Arc:
    """Hamilton sensor. Measured: its value, ``temperature``, ``status`` (bits of the status word)."""

    def __init__(self, name: str, unit: int, low: float, high: float) -> None:
        self._rows = ((name, unit, low, high), ("temperature", hamilton_arc.CELSIUS_UNIT, -20.0, 140.0))

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        for name, unit, low, high in self._rows:
            _put(bank, measured, (name,))
            bank.set(f"{name}_unit", unit)
            bank.set(f"{name}_status", int(measured.get("status", 0.0)))
            bank.set(f"{name}_min", low)
            bank.set(f"{name}_max", high)
        return {}


class Vegapuls:
    """Radar. Measured: ``level``, ``temperature``, ``echo_lost``: the level is then held, and invalid."""

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        lost = measured.get("echo_lost", 0.0) != 0
        _put(bank, measured, ("temperature",) if lost else ("level", "temperature"))
        bank.set("status", 1 if lost else 0)
        bank.set("level_unit", vegapuls_c21.METRES)
        bank.set("temperature_unit", vegapuls_c21.CELSIUS)
        return {}


class Promass:
    """Coriolis meter. Measured: ``flow``, ``density``, ``temperature``, ``mass_flow``, ``fault`` and ``check`` (NE 107 F, C), ``total``.

    Integrates its own total from the flow unless it is given one. A failed meter says NaN and F270.
    """

    _CLASS: Mapping[str, int] = {"": 0, "F": 0x4632, "C": 0x4331, "S": 0x5338}       # "F2", "C1", "S8": first characters of the code string

    def __init__(self) -> None:
        self.total_l = 0.0

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        letter = "F" if measured.get("fault", 0.0) != 0 else "C" if measured.get("check", 0.0) != 0 else ""
        _put(bank, measured, ("flow", "density", "temperature", "mass_flow"))
        if letter == "F":
            for name in ("flow", "density", "temperature", "mass_flow"):
                bank.set(name, float("nan"))
        else:
            self.total_l = measured.get("total", self.total_l + bank.get("flow") * dt_s / 60)
        bank.set("total", self.total_l)
        bank.set("diagnosis", {"": 0, "F": 270, "C": 180}[letter])
        bank.set("diagnosis_class", self._CLASS[letter])
        return {}


class Epc3016:
    """Temperature controller. Measured: ``pv``, ``break`` (sensor break: over-range and a bad status)."""

    def step(self, bank: Bank, measured: Mapping[str, float], dt_s: float) -> dict[str, float]:
        broken = measured.get("break", 0.0) != 0
        _put(bank, measured, ("pv",))
        if broken:
            bank.set("pv", 3276.7)
        bank.set("pv_status", 1 if broken else 0)
        return {}


def _put(bank: Bank, measured: Mapping[str, float], names: Sequence[str]) -> None:
    for name in names:
        if name in measured:
            bank.set(name, measured[name])


BEHAVIOURS: dict[str, Callable[..., Behaviour]] = {
    "abb_acs580": Acs580,
    "grundfos_cim": Grundfos,
    "prominent_gamma_x": GammaX,
    "honeywell_xnx": lambda warm_up_s=0.0: GasDetector(honeywell_xnx.PERCENT_LEL, False, warm_up_s),
    "sensepoint_xrl": lambda warm_up_s=0.0: GasDetector(sensepoint_xrl.PERCENT_LEL, True, warm_up_s),
    "sensepoint_xrl_ppm": lambda warm_up_s=0.0: GasDetector(sensepoint_xrl.PPM, True, warm_up_s),
    "liquiline_cm44x": Liquiline,
    "hamilton_ph_arc": lambda: Arc("ph", hamilton_arc.PH_UNIT, 0.0, 14.0),
    "hamilton_orp_arc": lambda: Arc("orp", hamilton_arc.MV_UNIT, -1500.0, 1500.0),
    "vegapuls_c21": Vegapuls,
    "promass_300": Promass,
    "eurotherm_epc3016": Epc3016,
}


def behaviour(profile: str, **settings: float) -> Behaviour | None:
    """The inside of a device of that profile, or None for one without inner logic. ``settings``: as its class takes them."""
    make = BEHAVIOURS.get(profile)
    return make(**settings) if make is not None else None
