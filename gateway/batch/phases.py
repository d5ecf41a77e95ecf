"""The phases of the leach line, each with what it does while RUNNING and what it must zero on the way to HELD.

Parameters come in the units of ``gateway.config.phases``. Sources: recipe of the leach line, ISA-88 phase by phase.
"""

from __future__ import annotations

from gateway.batch.endpoint import end_point
from gateway.batch.procedure import Context, Hold, Phase

COOL_K_PER_MIN = 2.0                            # faster than the jacket can cool: full cooling, no ramp to wait for


class CheckUnit(Phase):
    """The unit is empty, quiet and released by a person before anything is charged."""

    needs = ("level", "lel", "temperature", "acid_total")
    prove = False

    def running(self, ctx: Context) -> bool:
        if ctx.value("level") > ctx.p["level_max"]:
            raise Hold(f"level {ctx.value('level'):.1f} % above {ctx.p['level_max']:g} %: the tank is not empty")
        if ctx.value("lel") > ctx.p["lel_max"]:
            raise Hold(f"hydrogen {ctx.value('lel'):.1f} %LEL above {ctx.p['lel_max']:g} %LEL")
        standing = ctx.plant.interlocked()
        if standing:
            raise Hold("interlocks stand: " + ", ".join(standing))
        answer = ctx.plant.ask("unit-released", "Unit clean, pH probe calibrated within 7 days, agitator permitted?")
        if answer is None:
            return False
        if answer != "yes":
            raise Hold(f"unit not released: {answer}")
        ctx.shared["heel_l"] = max(ctx.value("level"), 0.0)
        ctx.shared["acid_start_l"] = ctx.value("acid_total")
        return True


class ChargeWater(Phase):
    """Water through its valve until the totaliser shows the amount."""

    needs = ("water_total", "level")
    zeros = ("water_valve",)
    prove = False

    def running(self, ctx: Context) -> bool:
        start = ctx.memory.setdefault("start_l", ctx.value("water_total"))
        done = ctx.value("water_total") - start
        ctx.progress("done_l", done, 0.02 * ctx.p["volume"])
        in_flight = ctx.memory.get("~flow", 0.0) / 60.0 * 1.5       # valve travels 2 s: about 1.5 s at the last flow
        ctx.memory["~flow"] = ctx.value("water_flow") if ctx.good("water_flow") else 0.0
        if not ctx.memory.get("closed") and done < ctx.p["volume"] - in_flight:
            ctx.output("water_valve", 1.0)
            return False
        ctx.memory["closed"] = True
        ctx.output("water_valve", 0.0)
        if not ctx.steady("settled", True, 10.0):
            return False
        if abs(done - ctx.p["volume"]) > ctx.p["tolerance"]:
            raise Hold(f"water {done:.1f} L, wanted {ctx.p['volume']:g} +-{ctx.p['tolerance']:g} L")
        ctx.plant.charged("water", done, "L", 0.005 * done, "water_total", "in")
        ctx.report["volume_l"] = round(done, 3)
        return True


class StartAgitator(Phase):
    """Agitator on and proved at its speed."""

    prove = False

    def running(self, ctx: Context) -> bool:
        ctx.output("agitator_run", 1.0)
        ctx.keep("agitator", "AUTO", ctx.p["speed"])
        near = abs(ctx.value("agitator_speed") - ctx.p["speed"]) <= 0.05 * ctx.p["speed"]
        if ctx.steady("proved", near and ctx.value("agitator_running") > 0.5, 10.0):
            ctx.shared["agitated"] = True
            return True
        return False


class Heat(Phase):
    """Ramp the tank to a temperature with holdback."""

    needs = ("temperature",)

    def running(self, ctx: Context) -> bool:
        ctx.keep("jacket", "CASCADE")
        ctx.keep("temperature", "AUTO", ctx.p["temperature"], ctx.p["ramp"])
        return ctx.value("temperature") >= ctx.p["temperature"] - ctx.p["tolerance"]


class DoseSolids(Phase):
    """Weigh the lot into the tank by loss of hopper weight."""

    needs = ("feeder.hopper_weight", "agitator_running", "temperature")
    zeros = ("feeder.run", "feeder.speed_sp", "solids_gate")

    def running(self, ctx: Context) -> bool:
        if not ctx.memory.get("tipped"):
            answer = ctx.plant.ask("lot-tipped", f"Tip {ctx.p['mass']:.1f} kg of lot {ctx.shared['lot']} into W-101 and confirm")
            if answer is None:
                return False
            if answer != "yes":
                raise Hold(f"lot not tipped: {answer}")
            ctx.memory["tipped"] = True
        if not ctx.steady("weighed", True, 5.0) and "start_kg" not in ctx.memory:
            return False
        start = ctx.memory.setdefault("start_kg", ctx.value("feeder.hopper_weight"))
        if start < 0.98 * ctx.p["mass"]:
            ctx.memory.pop("start_kg")
            ctx.memory.pop("tipped")
            raise Hold(f"hopper holds {start:.1f} kg, the recipe wants {ctx.p['mass']:.1f} kg")
        fed = start - ctx.value("feeder.hopper_weight")
        ctx.progress("fed_kg", fed, 0.02 * ctx.p["mass"])
        if not ctx.memory.get("closed") and fed < min(ctx.p["mass"], start) - 0.25:
            ctx.output("solids_gate", 1.0)
            ctx.output("feeder.run", 1.0)
            ctx.output("feeder.speed_sp", min(100.0 * ctx.p["rate"] / ctx.plant.parameter("screw_full_kg_min"), 100.0))
            return False
        ctx.memory["closed"] = True
        ctx.output("feeder.run", 0.0)
        ctx.output("feeder.speed_sp", 0.0)
        if not ctx.steady("stopped", True, 15.0):
            return False
        ctx.output("solids_gate", 0.0)
        ctx.plant.charged("solids", fed, "kg", max(0.001 * fed, 0.1), "feeder.hopper_weight", "in")
        ctx.report["mass_kg"] = round(fed, 3)
        return True


class DoseAcid(Phase):
    """Acid to its total; the feed loop is the least of the recipe's rate and every limit."""

    needs = ("acid_total", "ph", "temperature", "lel", "agitator_running")
    zeros = ("acid_pump_run", "acid_valve")
    feeds = ("acid",)

    def running(self, ctx: Context) -> bool:
        volume = ctx.p["amount"] / ctx.p["strength"]
        start = ctx.memory.setdefault("start_l", ctx.value("acid_total"))
        done = ctx.value("acid_total") - start
        ctx.progress("done_l", done, 0.02 * volume)
        if not ctx.memory.get("closed") and done < volume - 0.005:
            ctx.output("acid_valve", 1.0)
            ctx.output("acid_pump_run", 1.0)
            slow = 0.5 if ctx.value("ph") < ctx.p["ph_slow"] else 1.0
            final = 0.3 if volume - done < 0.5 else 1.0             # the last half litre at a third of the rate
            gentle = 0.1 if ctx.memory.get("gentle") and not ctx.steady("gentle_time", True, 300.0) else 1.0
            ctx.loop("acid", "AUTO", round(ctx.p["rate"] * min(slow * final, gentle), 4))
            return False
        ctx.memory["closed"] = True
        ctx.loop("acid", "MANUAL", out=0.0)
        ctx.output("acid_pump_run", 0.0)
        ctx.output("acid_valve", 0.0)
        if not ctx.steady("settled", True, 10.0):
            return False
        ctx.plant.charged("acid", done, "L", 0.002 * done + 0.02, "acid_total", "in")
        ctx.report.update(volume_l=round(done, 3), amount_mol=round(done * ctx.p["strength"], 2))
        return True

    def restarting(self, ctx: Context) -> bool:
        """Agitator alone first; with hydrogen steady and low the acid begins again at a tenth of its rate."""
        ctx.memory["gentle"] = True
        agitated = super().restarting(ctx)
        return agitated and ctx.steady("hydrogen", ctx.value("lel") < 8.0, 60.0)


class Leach(Phase):
    """Hold the temperature until the ICP says that nothing more dissolves, or the time is up."""

    needs = ("temperature", "agitator_running", "ph")

    def running(self, ctx: Context) -> bool:
        ctx.keep("jacket", "CASCADE")
        ctx.keep("temperature", "AUTO", ctx.p["temperature"])
        minutes = ctx.elapsed_s / 60.0
        due = ctx.memory.get("next_min", 0.0)
        if due <= minutes < ctx.p["max_time"] and not ctx.memory.get("pending"):
            ctx.memory["pending"] = ctx.plant.request_sample(str(int(ctx.shared["stream"])), "leach-sample", {"minutes": round(minutes, 3)})
            ctx.memory["next_min"] = max(due, minutes - ctx.p["sample_interval"]) + ctx.p["sample_interval"]     # no burst after a hold
        pending = ctx.memory.get("pending")
        if pending and ctx.plant.result(pending) is not None:
            ctx.memory["pending"] = None
        if minutes >= ctx.p["max_time"]:
            ctx.report.update(ended_by="maximum time", minutes=round(minutes, 1))
            return True
        verdict = end_point(ctx.plant.results("leach-sample"), self._liquor_l(ctx))
        if verdict is not None:
            ctx.report.update(slope=round(verdict.slope, 4), slope_upper=round(verdict.upper, 4), results=verdict.count)
            if minutes >= ctx.p["min_time"] and verdict.upper <= ctx.p["slope_limit"]:
                ctx.report.update(ended_by="ICP slope", minutes=round(minutes, 1))
                return True
        return False

    def _liquor_l(self, ctx: Context) -> float:
        return ctx.shared.get("liquor_l", 1.0)


class Cool(Phase):
    """Bring the tank down to a temperature."""

    needs = ("temperature",)

    def running(self, ctx: Context) -> bool:
        ctx.keep("jacket", "CASCADE")
        ctx.keep("temperature", "AUTO", ctx.p["temperature"], COOL_K_PER_MIN)
        return ctx.value("temperature") <= ctx.p["temperature"] + 1.0


class ResidueSample(Phase):
    """A washed residue sample to the ICP: the leach extraction is reported from it."""

    def running(self, ctx: Context) -> bool:
        sample = ctx.memory.get("sample")
        if sample is None:
            ctx.memory["sample"] = ctx.plant.request_sample("residue", "residue", {})
            ctx.shared["residue_sample_l"] = ctx.shared.get("residue_sample_l", 0.0) + ctx.p["volume"]
            return False
        result = ctx.plant.result(sample)
        if result is None:
            return False
        if result.quality & 0xC0000000:
            ctx.memory.pop("sample")
            raise Hold("the residue result failed its QC: sample again")
        return True


class Oxidise(Phase):
    """Peroxide by ORP, with a cap on the volume and a lid on the temperature."""

    needs = ("temperature", "orp", "peroxide.total")
    zeros = ("peroxide.run", "peroxide.rate", "peroxide_valve")

    def running(self, ctx: Context) -> bool:
        start = ctx.memory.setdefault("start_l", ctx.value("peroxide.total"))
        done = ctx.value("peroxide.total") - start
        capped = done >= ctx.p["volume_max"]
        reached = ctx.value("orp") >= ctx.p["orp"]
        warm = ctx.value("temperature") > ctx.p["temperature_max"]
        feed = not (capped or reached or warm)
        if feed:
            ctx.output("peroxide_valve", 1.0)
        ctx.output("peroxide.run", 1.0 if feed else 0.0)
        ctx.output("peroxide.rate", ctx.plant.parameter("peroxide_l_min") if feed else 0.0)
        if not ctx.steady("stable", reached or capped, ctx.p["stable_min"] * 60.0):
            return False
        for role in self.zeros:
            ctx.output(role, 0.0)
        ctx.plant.charged("peroxide", done, "L", 0.01 * done + 0.02, "peroxide.total", "in")
        ctx.report.update(volume_l=round(done, 3), orp_mv=round(ctx.value("orp"), 1), capped=capped)
        return True


class AdjustPh(Phase):
    """Base from below: coarse to the coarse end, then fine to the setpoint, then age there."""

    needs = ("ph", "base.total", "base_fine.total", "temperature", "agitator_running")
    zeros = ("base.run", "base_fine.run", "base_valve", "base_fine_valve")
    feeds = ("base", "base_fine")

    def running(self, ctx: Context) -> bool:
        ctx.memory.setdefault("coarse_l", ctx.value("base.total"))
        ctx.memory.setdefault("fine_l", ctx.value("base_fine.total"))
        ph = ctx.value("ph")
        if ph > ctx.p["ph_max"]:
            raise Hold(f"pH {ph:.2f} above {ctx.p['ph_max']:g}")
        if not ctx.memory.get("coarse_done"):
            self._dose(ctx, "base", ctx.p["coarse_to"])
            if ctx.steady("coarse", ph >= ctx.p["coarse_to"] - 0.15, 30.0):
                ctx.memory["coarse_done"] = True
                self._stop(ctx, "base")
            return False
        self._dose(ctx, "base_fine", ctx.p["ph"])
        if abs(ph - ctx.p["ph"]) <= ctx.p["tolerance"]:
            ctx.memory.setdefault("aged_from_s", ctx.elapsed_s)
        if "aged_from_s" not in ctx.memory or ctx.elapsed_s - ctx.memory["aged_from_s"] < ctx.p["age"] * 60.0:
            return False
        self._stop(ctx, "base_fine")
        for material, key, role in (("base", "coarse_l", "base.total"), ("base_fine", "fine_l", "base_fine.total")):
            amount = ctx.value(role) - ctx.memory[key]
            ctx.plant.charged(material, amount, "L", 0.01 * abs(amount) + 0.02, role, "in")
            ctx.report[material + "_l"] = round(amount, 3)
        return True

    def _dose(self, ctx: Context, name: str, ph: float) -> None:
        ctx.output(name + "_valve", 1.0)
        ctx.output(name + ".run", 1.0)
        ctx.loop(name, "AUTO", ph)

    def _stop(self, ctx: Context, name: str) -> None:
        ctx.loop(name, "MANUAL", out=0.0)
        ctx.output(name + ".run", 0.0)
        ctx.output(name + "_valve", 0.0)


class Sample(Phase):
    """A liquor or cake sample to the ICP; the phase waits for a result whose QC passed."""

    def running(self, ctx: Context) -> bool:
        sample = ctx.memory.get("sample")
        if sample is None:
            ctx.memory["sample"] = ctx.plant.request_sample(str(int(ctx.p["stream"])), ctx.step, {})
            return False
        result = ctx.plant.result(sample)
        if result is None:
            return False
        if result.quality & 0xC0000000:
            ctx.memory.pop("sample")
            raise Hold("the result failed its QC: sample again")
        return True


class Filter(Phase):
    """Close the press, feed it from the tank until the tank is empty."""

    needs = ("level", "press.feed_pressure", "press.plates_closed")
    zeros = ("transfer_run", "transfer_speed_sp", "discharge_valve", "press.feed_valve")

    def running(self, ctx: Context) -> bool:
        ctx.shared.setdefault("filtrate_start_l", ctx.value("press.filtrate_total"))
        ctx.output("press.close", 1.0)
        if ctx.value("press.plates_closed") < 0.5 or ctx.value("press.hydraulic_pressure") < ctx.plant.parameter("press_hydraulic_min_bar"):
            return False
        if not ctx.memory.get("emptied"):
            ctx.output("discharge_valve", 1.0)
            ctx.output("press.feed_valve", 1.0)
            ctx.output("transfer_run", 1.0)
            ctx.loop("transfer", "AUTO", ctx.p["pressure_max"])
            self._relax(ctx)
            ctx.progress("filtrate_l", ctx.value("press.filtrate_total") - ctx.shared["filtrate_start_l"], 10.0)
            if not ctx.steady("empty", ctx.value("level") <= ctx.p["level_end"], 20.0):
                return False
            ctx.memory["emptied"] = True
        for role in self.zeros:
            ctx.output(role, 0.0)
        return ctx.steady("closed", True, 10.0)

    def _relax(self, ctx: Context) -> None:
        """Below 150 L the agitator draws air and its loop has nothing left to stir: stop it, and the heating with it."""
        if ctx.value("level") <= ctx.plant.parameter("agitator_min_level_pct") and ctx.shared.get("agitated"):
            ctx.shared["agitated"] = False
            ctx.release("jacket", "agitator", "temperature")
            ctx.loop("jacket", "MANUAL", out=0.0)
            ctx.loop("agitator", "MANUAL", out=0.0)
            ctx.output("agitator_run", 0.0)


class Wash(Phase):
    """Wash the cake with a volume of water."""

    needs = ("press.wash_total",)
    zeros = ("press.wash_pump_speed_sp", "press.wash_valve")
    prove = False

    def running(self, ctx: Context) -> bool:
        start = ctx.memory.setdefault("start_l", ctx.value("press.wash_total"))
        done = ctx.value("press.wash_total") - start
        ctx.progress("done_l", done, 0.02 * ctx.p["volume"])
        if not ctx.memory.get("closed") and done < ctx.p["volume"]:
            ctx.output("press.wash_valve", 1.0)
            ctx.output("press.wash_pump_speed_sp", 60.0)
            return False
        ctx.memory["closed"] = True
        for role in self.zeros:
            ctx.output(role, 0.0)
        if not ctx.steady("settled", True, 10.0):
            return False
        ctx.plant.charged("wash", done, "L", 0.005 * done + 0.1, "press.wash_total", "in")
        ctx.report["volume_l"] = round(done, 2)
        return True


class Blow(Phase):
    """Blow the cake with air for a time."""

    zeros = ("press.blow_valve",)
    prove = False

    def running(self, ctx: Context) -> bool:
        blowing = not ctx.steady("blown", True, ctx.p["time"] * 60.0)
        ctx.output("press.blow_valve", 1.0 if blowing else 0.0)
        return not blowing


class Drop(Phase):
    """Open the plates, drop the cake and weigh it."""

    needs = ("press.cake_weight",)
    zeros = ("press.drop_valve",)
    prove = False

    def running(self, ctx: Context) -> bool:
        start = ctx.memory.setdefault("start_kg", ctx.value("press.cake_weight"))
        ctx.output("press.close", 0.0)
        dropping = not ctx.memory.get("dropped") and not ctx.steady("dropping", True, ctx.p["time"] * 60.0)
        ctx.output("press.drop_valve", 1.0 if dropping else 0.0)
        if dropping:
            return False
        ctx.memory["dropped"] = True
        if "cake_kg" not in ctx.memory:
            if ctx.steady("settled", True, 20.0):
                ctx.memory["cake_kg"] = round(ctx.value("press.cake_weight") - start, 3)
                ctx.memory["sample"] = ctx.plant.request_sample("cake", "cake", {})
            return False
        result = ctx.plant.result(ctx.memory["sample"])
        if result is None:
            return False
        if result.quality & 0x80000000:
            ctx.memory["sample"] = ctx.plant.request_sample("cake", "cake", {})
            raise Hold("the cake result failed its QC: sample again")
        cake = ctx.memory["cake_kg"]
        ctx.plant.charged("cake", cake, "kg", max(0.002 * cake, 0.2), "press.cake_weight", "out")
        ctx.report["cake_kg"] = round(cake, 2)
        return True


class ToBuffer(Phase):
    """What is left in the tank is the heel; the filtrate in the buffer is measured and released."""

    needs = ("level", "buffer.level")
    prove = False

    def running(self, ctx: Context) -> bool:
        answer = ctx.plant.ask("filtrate-released", "Filtrate in the buffer released?")
        if answer is None:
            return False
        if answer != "yes":
            raise Hold(f"filtrate not released: {answer}")
        if ctx.value("level") > ctx.p["level_end"]:
            raise Hold(f"heel {ctx.value('level'):.1f} % above {ctx.p['level_end']:g} %")
        self._measure(ctx)
        return True

    def _measure(self, ctx: Context) -> None:
        """What came out: filtrate with washes by its meter, samples by count, the heel by level."""
        if "filtrate_start_l" in ctx.shared:
            filtrate = ctx.value("press.filtrate_total") - ctx.shared["filtrate_start_l"]
            ctx.plant.charged("filtrate", filtrate, "L", 0.007 * filtrate, "press.filtrate_total", "out")
            ctx.report["filtrate_l"] = round(filtrate, 1)
        samples = ctx.plant.liquor_samples() * ctx.plant.parameter("icp_sample_l") + ctx.shared.get("residue_sample_l", 0.0)
        ctx.plant.charged("sample", samples, "L", 0.1 * samples, "level", "out")
        heel = max(ctx.value("level"), 0.0) / 100.0 * ctx.plant.parameter("total_volume_l")
        ctx.plant.charged("heel", heel, "L", 2.0, "level", "out")
        ctx.report["heel_l"] = round(heel, 1)


PHASES: dict[str, Phase] = {
    "CHECK_UNIT": CheckUnit(), "CHARGE_WATER": ChargeWater(), "START_AGITATOR": StartAgitator(), "HEAT": Heat(),
    "DOSE_SOLIDS": DoseSolids(), "DOSE_ACID": DoseAcid(), "LEACH": Leach(), "COOL": Cool(), "RESIDUE_SAMPLE": ResidueSample(),
    "OXIDISE": Oxidise(), "ADJUST_PH": AdjustPh(), "SAMPLE": Sample(), "FILTER": Filter(), "WASH": Wash(), "BLOW": Blow(),
    "DROP": Drop(), "TO_BUFFER": ToBuffer(),
}
