"""Phases of the leach: solids and acid in, time, and what the analyser says.

Parameters come in the units of ``gateway.config.phases``. Source: recipe of the leach line, ISA-88 phase by phase.
"""

from __future__ import annotations

from gateway.batch.endpoint import end_point
from gateway.batch.procedure import Context, Hold, Phase


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
        fed = ctx.counted("feeder.hopper_weight", "start_kg", "fed_kg", 0.02 * ctx.p["mass"], sign=-1.0)
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
        ctx.plant.charged("solids", fed, "kg", max(0.001 * fed, 0.1) + ctx.doubt, "feeder.hopper_weight", "in")
        ctx.report["mass_kg"] = round(fed, 3)
        return True


class DoseAcid(Phase):
    """Acid to its total; the feed loop is the least of the recipe's rate and every limit."""

    needs = ("acid_total", "ph", "temperature", "lel", "agitator_running")
    zeros = ("acid_pump_run", "acid_valve")
    feeds = ("acid",)

    def running(self, ctx: Context) -> bool:
        volume = ctx.p["amount"] / ctx.p["strength"]
        done = ctx.counted("acid_total", "start_l", "done_l", 0.02 * volume)
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
        ctx.plant.charged("acid", done, "L", 0.002 * done + 0.02 + ctx.doubt, "acid_total", "in")
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
        verdict = end_point(ctx.plant.results("leach-sample"))
        if verdict is not None:
            ctx.report.update(slope=round(verdict.slope, 4), slope_upper=round(verdict.upper, 4), results=verdict.count)
            if minutes >= ctx.p["min_time"] and verdict.upper <= ctx.p["slope_limit"]:
                ctx.report.update(ended_by="ICP slope", minutes=round(minutes, 1))
                return True
        return False


class ResidueSample(Phase):
    """The liquor, then a washed residue sample to the ICP: the leach extraction is reported from what is dissolved and what is not."""

    def running(self, ctx: Context) -> bool:
        liquor = ctx.memory.get("liquor")
        if liquor is None:
            ctx.memory["liquor"] = ctx.plant.request_sample(str(int(ctx.shared["stream"])), "residue-liquor", {})
            return False
        if ctx.plant.result(liquor) is None:
            return False
        sample = ctx.memory.get("sample")
        if sample is None:
            ctx.memory["sample"] = ctx.plant.request_sample("residue", "residue", {"drawn_l": ctx.p["volume"]})
            ctx.shared["residue_sample_l"] = ctx.shared.get("residue_sample_l", 0.0) + ctx.p["volume"]
            return False
        return _analysed(ctx, "residue result")


class Sample(Phase):
    """A liquor or cake sample to the ICP; the phase waits for a result whose QC passed."""

    def running(self, ctx: Context) -> bool:
        sample = ctx.memory.get("sample")
        if sample is None:
            ctx.memory["sample"] = ctx.plant.request_sample(str(int(ctx.p["stream"])), ctx.step, {})
            return False
        return _analysed(ctx, "result")


def _analysed(ctx: Context, what: str) -> bool:
    """Whether the step's sample has come back. Raises Hold where its checks failed; a restart of the batch draws it again."""
    result = ctx.plant.result(ctx.memory["sample"])
    if result is not None and result.quality & 0xC0000000:
        ctx.memory.pop("sample")
        raise Hold(f"the {what} failed its QC: sample again")
    return result is not None
