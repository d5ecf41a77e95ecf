"""The simulated line: world, instruments and device memories in one stepped object.

    line = Line(config, seed=7)
    line.step(0.5, now)                         # outputs move the world, the world moves, instruments see it
    reply = line.banks["FC-101"].answer(request, now)

Order of a step: what the devices command now -> physics -> senses -> registers. Nothing here reads a clock.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from devices.instruments.icp_lads import STREAMS
from devices.units import factor
from gateway.config.models import Config, SenseModel, Tag
from gateway.config.scaling import Span, span_line, tag_line
from simulators.analyzer import IcpDevice
from simulators.bank import Bank
from simulators.behaviour import Behaviour, behaviour
from simulators.laboratory import Laboratory
from simulators.senses.defaults import DEFAULTS
from simulators.senses.sense import Sense, SenseParameters
from simulators.world import Feed, World

SECOND = 1_000_000_000
CALM_S = 1.0                                    # transmitters are looked into once a second, as they are polled
SAMPLE_L = {"LIQUOR": 0.05, "RESIDUE": 0.5, "CAKE": 0.2, "QC": 0.0}

# Endings of variable names and the unit they stand for; the longest ending that fits counts.
SUFFIXES = {
    "_c": "degC", "_l_min": "L/min", "_m3_h": "m3/h", "_kg_m3": "kg/m3", "_kg": "kg", "_kg_min": "kg/min", "_pct_lel": "%LEL",
    "lel_pct": "%LEL", "_pct": "%", "_rpm": "rpm", ".rpm": "rpm", "_kw": "kW", ".kw": "kW", "_mv": "mV", "_mbar": "mbar", "_bar": "bar",
    "_m": "m", "_l": "L", "ph": "pH", "_ntu": "NTU", "_ms_cm": "mS/cm", "_mg_nm3": "mg/Nm3", "_ppm": "ppm",
}

# What a behaviour calls the measured value of a point, and by how much it is scaled from the point's unit.
_MEASURED = {
    "abb_acs580": {"speed": ("rpm", None), "power": ("kw", 1.0)},
    "grundfos_cim": {"speed": ("rpm", 1.0), "power": ("kw", 1.0)},
    "prominent_gamma_x": {"flow": ("l_min", 1.0 / 60.0)},
}
_DEMANDS = {"run": "enable", "speed_sp": "speed_pct", "setpoint": "speed_pct", "capacity": "l_h"}
_OWN = {("prominent_gamma_x", "total"), ("promass_300", "total"), ("abb_acs580", "running"), ("grundfos_cim", "running")}


def variable_unit(name: str) -> str | None:
    """The unit a variable's name ends with; None for a bare switch."""
    fits = [suffix for suffix in SUFFIXES if name.endswith(suffix)]
    return SUFFIXES[max(fits, key=len)] if fits else None


class _Seen:
    """One input tag: variable -> sense -> register (or what the device's behaviour measures).

    A switch has no lag and no noise: it is shown when it changes.
    """

    __slots__ = ("gain", "last", "offset", "put", "sense", "variable")

    def __init__(self, variable: int, sense: Sense, gain: float, offset: float, put: Callable[[float], None]) -> None:
        self.variable, self.sense, self.gain, self.offset, self.put = variable, sense, gain, offset, put
        self.last = -1.0


class Line:
    """Banks, world, senses and behaviours of a configuration, moved together by ``step``.

    ``utc_offset_ns``: UTC at monotonic 0, for the analyser's time stamps.
    """

    __slots__ = (
        "_asked", "_calm", "_calm_s", "_moved", "_quick", "_switches", "_trips", "banks", "behaviours", "clocks",
        "config", "demands", "groups", "icp", "measured", "seed", "seen", "world",
    )  # fmt: skip

    def __init__(self, config: Config, seed: int | None = None, utc_offset_ns: int = 0) -> None:
        self.config = config
        self.seed = config.simulation.seed if seed is None else seed
        self.world = World(config.simulation.parameters, self.seed)
        self.banks: dict[str, Bank] = {}
        self.measured: dict[str, dict[str, float]] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.demands: dict[str, dict[str, float]] = {}
        full_rpm = config.simulation.full_rpm
        for name, device in config.devices.items():
            profile = config.profiles[device.profile]
            if profile.protocol != "modbus":
                continue
            self.banks[name] = Bank(profile, device.unit_id, device.timeout_s, device.comm_loss)
            settings = {"full_rpm": full_rpm[name]} if name in full_rpm else {}
            inside = behaviour(device.profile, **settings)
            if inside is not None:
                self.behaviours[name], self.measured[name] = inside, {}
        self.groups: dict[float, list[_Seen]] = {}
        self._switches: list[_Seen] = []
        self.seen: dict[str, _Seen] = {}        # input tag -> its instrument
        for i, tag in enumerate(config.simulation.senses):
            self._wire_sense(i, tag)
        self.clocks = {period_s: period_s for period_s in self.groups}      # all of it is shown in the first step
        self._moved: list[tuple[int, Callable[[], float], float, float]] = []
        self._asked: list[tuple[int, str, str, float, float]] = []
        for tag, variable in config.simulation.actuators.items():
            self._wire_actuator(tag, variable)
        self._calm, self._quick = self._sort_behaviours()
        self._calm_s = CALM_S
        self._trips = self._wire_trips()
        for name, value in config.simulation.constants.items():
            tag = config.tags[name]
            gain, offset = self._point_line(tag)
            self.banks[tag.device or ""].set(tag.point or "", 1.0 - value if tag.invert else (value - offset) / gain)
        self.icp = IcpDevice(Laboratory(self.seed), self._take_sample, utc_ns=utc_offset_ns)
        self._apply_demands()

    # --- wiring -------------------------------------------------------------------------------------------------
    def _wire_sense(self, i: int, name: str) -> None:
        model, tag = self.config.simulation.senses[name], self.config.tags[name]
        assert tag.device is not None
        assert tag.point is not None
        profile = self.config.devices[tag.device].profile
        if (profile, tag.point) in _OWN:
            return
        gain, offset = self._to_point(model.variable, model.span, tag)
        renamed = _MEASURED.get(profile, {}).get(tag.point)
        if renamed is not None or (tag.device in self.behaviours and profile not in _MEASURED):
            key, scale = renamed or (tag.point, 1.0)
            scale = self.config.simulation.full_rpm[tag.device] / 100.0 if scale is None else scale
            gain, offset = gain * scale, offset * scale
            put = functools.partial(self.measured[tag.device].__setitem__, key)
        else:
            put = self.banks[tag.device].setter(tag.point)
        sense = Sense(self._parameters(model), self.seed * 1_000_003 + i)
        seen = _Seen(self.world.index(model.variable), sense, gain, offset, put)
        self.seen[name] = seen
        if model.kind == "switch":
            self._switches.append(seen)
        else:
            self.groups.setdefault(self._period(tag), []).append(seen)

    def _parameters(self, model: SenseModel) -> SenseParameters:
        """The instrument kind's defaults, with what the configuration says otherwise."""
        default = DEFAULTS.get(model.kind or "", SenseParameters())
        kept = {"tau_s": default.tau_s, "noise": default.noise, "drift_per_h": default.drift_per_h}
        kept |= {k: v for k, v in (("tau_s", model.tau_s), ("noise", model.noise), ("drift_per_h", model.drift_per_h)) if v is not None}
        if model.span is not None and model.kind == "level_pct":
            kept["noise"] *= 0.01 * abs(model.span[0][1] - model.span[0][0])        # the kind is in %, the variable in m
        return SenseParameters(**kept, dead_time_s=default.dead_time_s)

    def _sort_behaviours(self) -> tuple[list[str], list[str]]:
        """Transmitters, whose registers are read once a second at most, and devices that move something or add up what flows."""
        quick = {device for _, device, _, _, _ in self._asked}
        quick |= {tag.device for name in self.config.simulation.senses if (tag := self.config.tags[name]).point == "flow"}
        return [name for name in self.behaviours if name not in quick], [name for name in self.behaviours if name in quick]

    def _to_point(self, variable: str, span: Span | None, tag: Tag) -> tuple[float, float]:
        """Gain and offset from the variable to the device's point."""
        unit = variable_unit(variable)
        gain, offset = (1.0, 0.0) if unit is None else factor(unit, tag.unit) if span is None else span_line(span)
        if tag.invert:
            gain, offset = -gain, 1.0 - offset
        point_gain, point_offset = self._point_line(tag)
        return gain / point_gain, (offset - point_offset) / point_gain

    def _point_line(self, tag: Tag) -> tuple[float, float]:
        return tag_line(tag, self.config.profiles[self.config.devices[tag.device or ""].profile])

    def _period(self, tag: Tag) -> float:
        scan = self.config.site.scan
        return {"trip": scan.trip_s, "fast": scan.fast_s, "slow": scan.slow_s}[tag.scan]

    def _wire_actuator(self, name: str, variable: str) -> None:
        tag = self.config.tags[name]
        assert tag.device is not None
        assert tag.point is not None
        gain, offset = self._point_line(tag)
        unit = variable_unit(variable)
        if unit is not None:
            more, shift = factor(tag.unit, unit)
            gain, offset = gain * more, offset * more + shift
        if tag.invert:
            gain, offset = -gain, 1.0 - offset
        index = self.world.index(variable)
        if tag.device in self.behaviours and tag.point in _DEMANDS:
            self.demands.setdefault(tag.device, {})
            self._asked.append((index, tag.device, _DEMANDS[tag.point], gain, offset))
        else:
            self._moved.append((index, self.banks[tag.device].getter(tag.point), gain, offset))

    def _wire_trips(self) -> list[tuple[int, dict[str, float]]]:
        """Drives whose motor can trip in the world: its flag reaches the drive."""
        names = {name for name, _, _ in self.world.names()}
        found: list[tuple[int, dict[str, float]]] = []
        for tag_name, variable in self.config.simulation.actuators.items():
            device = self.config.tags[tag_name].device or ""
            unit, _, quantity = variable.partition(".")
            for trip in (f"{unit}.{quantity.partition('_')[0]}_trip", f"{unit}.trip"):
                if trip in names and device in self.measured and quantity.endswith("enable"):
                    found.append((self.world.index(trip), self.measured[device]))
                    break
        return found

    # --- the step -----------------------------------------------------------------------------------------------
    def step(self, dt_s: float, now: int) -> None:
        """Move the line by ``dt_s`` to ``now`` (monotonic ns)."""
        for bank in self.banks.values():
            bank.step(now)
        self._run_behaviours(dt_s)
        self._apply_demands()
        self.world.step(dt_s)
        self._show(dt_s)
        self._run_calm(dt_s)
        self.icp.step(now)

    def _show(self, dt_s: float) -> None:
        """Let the instruments see the world: each at the rate at which it is read."""
        values = self.world.values
        for switch in self._switches:
            value = values[switch.variable]
            if value != switch.last:
                switch.last = value
                switch.put(value * switch.gain + switch.offset)
        for period_s, seen in self.groups.items():
            since = self.clocks[period_s] + dt_s
            if since + 1e-9 < period_s:
                self.clocks[period_s] = since
                continue
            self.clocks[period_s] = 0.0
            for each in seen:
                each.put(each.sense.step(values[each.variable], since) * each.gain + each.offset)

    def _run_behaviours(self, dt_s: float) -> None:
        values = self.world.values
        for variable, measured in self._trips:
            trip = values[variable]             # who takes the cause away resets the drive at its panel
            measured["panel_reset"] = float(measured.get("trip", 0.0) != 0.0 and trip == 0.0)
            measured["trip"] = trip
        for name in self._quick:
            asked = self.behaviours[name].step(self.banks[name], self.measured[name], dt_s)
            if asked:
                self.demands[name] = asked

    def _run_calm(self, dt_s: float) -> None:
        self._calm_s += dt_s
        if self._calm_s + 1e-9 < CALM_S:
            return
        for name in self._calm:
            self.behaviours[name].step(self.banks[name], self.measured[name], self._calm_s)
        self._calm_s = 0.0

    def _apply_demands(self) -> None:
        values, demands = self.world.values, self.demands
        for variable, device, key, gain, offset in self._asked:
            values[variable] = demands[device].get(key, 0.0) * gain + offset
        for variable, commanded, gain, offset in self._moved:
            values[variable] = commanded() * gain + offset

    # --- what people do -----------------------------------------------------------------------------------------
    def tip(self, lot: str, mass_kg: float) -> None:
        """Tip a lot into the hopper: what it truly holds, not what its papers say. Raises KeyError for an unknown lot."""
        papers = self.config.lots[lot]
        assay = self.config.simulation.true_assays.get(lot) or {e: a.fraction for e, a in papers.assay.items()}
        basis = "alloy" if papers.feed_state == "metal" else "as_fed"
        feed = Feed(name=lot, assay=dict(assay), basis=basis, state=papers.feed_state, moisture=papers.moisture, d50_um=papers.d50_um)
        self.world.tip(feed, mass_kg)

    def begin_batch(self, unit: str) -> None:
        """Open the truth's account of a batch."""
        self.world.begin_batch(unit)

    def _take_sample(self, template: str, stream: int) -> Any:
        if template == "QC":
            return None
        place = STREAMS[stream]
        point = {"RESIDUE": f"residue {place}", "CAKE": "cake FP-201"}.get(template, place)
        return self.world.sample(point, SAMPLE_L[template])
