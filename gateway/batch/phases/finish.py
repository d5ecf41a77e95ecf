"""Phases that take the iron out of solution.

Parameters come in the units of ``gateway.config.phases``. Source: recipe of the leach line, ISA-88 phase by phase.
"""

from __future__ import annotations

from gateway.batch.procedure import Context, Hold, Phase

BASE_GRAIN_L = 2.0                              # how much base goes in before it is written down again
NEAR_S = 60.0                                   # so long the pH is near its setpoint before it ages: noise comes near it earlier (assumed)


class Oxidise(Phase):
    """Peroxide by ORP, with a cap on the volume and a lid on the temperature."""

    needs = ("temperature", "orp", "peroxide.total")
    zeros = ("peroxide.run", "peroxide.rate", "peroxide_valve")

    def running(self, ctx: Context) -> bool:
        done = ctx.counted("peroxide.total", "start_l", "done_l", 0.05 * ctx.p["volume_max"])
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
        ctx.plant.charged("peroxide", done, "L", 0.01 * done + 0.02 + ctx.doubt, "peroxide.total", "in")
        ctx.report.update(volume_l=round(done, 3), orp_mv=round(ctx.value("orp"), 1), capped=capped)
        return True


class AdjustPh(Phase):
    """Base from below: coarse to the coarse end, then fine to the setpoint, then age there."""

    needs = ("ph", "base.total", "base_fine.total", "temperature", "agitator_running")
    zeros = ("base.run", "base_fine.run", "base_valve", "base_fine_valve")
    feeds = ("base", "base_fine")

    def running(self, ctx: Context) -> bool:
        coarse = ctx.counted("base.total", "coarse_l", "coarse_done_l", BASE_GRAIN_L)
        fine = ctx.counted("base_fine.total", "fine_l", "fine_done_l", BASE_GRAIN_L)
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
        if ctx.steady("near", abs(ph - ctx.p["ph"]) <= ctx.p["tolerance"], NEAR_S):
            ctx.memory.setdefault("aged_from_s", ctx.elapsed_s)
        if "aged_from_s" not in ctx.memory or ctx.elapsed_s - ctx.memory["aged_from_s"] < ctx.p["age"] * 60.0:
            return False
        self._stop(ctx, "base_fine")
        for material, amount, role in (("base", coarse, "base.total"), ("base_fine", fine, "base_fine.total")):
            ctx.plant.charged(material, amount, "L", 0.01 * abs(amount) + 0.02 + ctx.doubt, role, "in")
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
