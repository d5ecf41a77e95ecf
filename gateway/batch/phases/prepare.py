"""Phases that make a tank ready, and bring it to a temperature.

Parameters come in the units of ``gateway.config.phases``. Source: recipe of the leach line, ISA-88 phase by phase.
"""

from __future__ import annotations

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
        ctx.shared["acid_start_l"] = ctx.value("acid_total")
        return True


class ChargeWater(Phase):
    """Water through its valve until the totaliser shows the amount."""

    needs = ("water_total", "level")
    zeros = ("water_valve",)
    prove = False

    def running(self, ctx: Context) -> bool:
        done = ctx.counted("water_total", "start_l", "done_l", 0.02 * ctx.p["volume"])
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


class Cool(Phase):
    """Bring the tank down to a temperature."""

    needs = ("temperature",)

    def running(self, ctx: Context) -> bool:
        ctx.keep("jacket", "CASCADE")
        ctx.keep("temperature", "AUTO", ctx.p["temperature"], COOL_K_PER_MIN)
        return ctx.value("temperature") <= ctx.p["temperature"] + 1.0
