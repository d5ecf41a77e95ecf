"""Phases at the press, and the account of what came out.

Parameters come in the units of ``gateway.config.phases``. Source: recipe of the leach line, ISA-88 phase by phase.
"""

from __future__ import annotations

import math

from gateway.batch.gather import DRAWN_U_REL
from gateway.batch.procedure import Context, Hold, Phase

FILTRATE_U = 0.007                              # of the magnetic meter's total, relative (assumed; domain 0.5 to 1 %)
BUFFER_U = 0.002                                # of the buffer's level, share of its span (assumed)
ANALYSED_ABOVE_PCT = 0.5                        # of the buffer: less than this is not worth an analysis (assumed)
AVERAGED_S = 60.0                               # level and weight of what stays, over so long
LIQUOR_KG_L, SOLIDS_KG_L = 1.06, 5.0            # what stays in the tank: liquor of 20 g/L rare earths, iron oxide (assumed)
HEEL_U_L = 1.5                                  # radar +-2 mm on 0.71 m2 (assumed)
HEEL_U_KG = 0.5                                 # load cells, 0.03 % of their span (assumed)


class Filter(Phase):
    """Close the press, feed it from the tank until the tank is empty. The buffer behind it begins empty, or two filtrates mix."""

    needs = ("level", "press.feed_pressure", "press.plates_closed", "buffer.level")
    zeros = ("transfer_run", "transfer_speed_sp", "discharge_valve", "press.feed_valve")

    def running(self, ctx: Context) -> bool:
        if not self._begin(ctx):
            return False
        ctx.output("press.close", 1.0)
        if ctx.value("press.plates_closed") < 0.5 or ctx.value("press.hydraulic_pressure") < ctx.plant.parameter("press_hydraulic_min_bar"):
            return False
        if not ctx.memory.get("emptied"):
            ctx.output("discharge_valve", 1.0)
            ctx.output("press.feed_valve", 1.0)
            ctx.output("transfer_run", 1.0)
            ctx.loop("transfer", "AUTO", ctx.p["pressure_max"])
            self._relax(ctx)
            ctx.counted("press.filtrate_total", "filtrate_start_l", "filtrate_l", 10.0, store=ctx.shared)
            if not ctx.steady("empty", ctx.value("level") <= ctx.p["level_end"], 20.0):
                return False
            ctx.memory["emptied"] = True
        for role in self.zeros:
            ctx.output(role, 0.0)
        return ctx.steady("closed", True, 10.0)

    @staticmethod
    def _begin(ctx: Context) -> bool:
        """What stands in the buffer is measured, and analysed where it is worth it, before filtrate comes to it."""
        if "filtrate_start_l" in ctx.shared:
            return True
        if not _press_empty(ctx):
            return False
        standing = ctx.shared["buffer_before_pct"] if "buffer_before_pct" in ctx.shared else ctx.mean("buffer.level", AVERAGED_S)
        if standing is None:
            return False
        ctx.shared["buffer_before_pct"] = round(standing, 3)
        if standing > ctx.p["buffer_level_max"]:
            del ctx.shared["buffer_before_pct"]  # looked at anew when the batch is restarted
            raise Hold(f"the buffer holds {standing:.1f} %, more than {ctx.p['buffer_level_max']:g} %: pump it on first")
        sample = ctx.memory.get("buffer_sample")
        if standing > ANALYSED_ABOVE_PCT and sample is None:
            ctx.memory["buffer_sample"] = ctx.plant.request_sample(str(int(ctx.p["buffer_stream"])), "buffer-before", {})
            return False
        if sample is not None and ctx.plant.result(sample) is None:
            return False
        litres = max(standing, 0.0) / 100.0 * ctx.plant.parameter("buffer_volume_l")
        ctx.plant.charged("buffer", litres, "L", BUFFER_U * ctx.plant.parameter("buffer_volume_l"), "buffer.level", "in")
        ctx.shared["filtrate_start_l"] = ctx.value("press.filtrate_total")
        return True

    def _relax(self, ctx: Context) -> None:
        """Below 150 L the agitator draws air and its loop has nothing left to stir: stop it, and the heating with it."""
        if ctx.value("level") <= ctx.plant.parameter("agitator_min_level_pct") and ctx.shared.get("agitated"):
            ctx.shared["agitated"] = False
            ctx.release("jacket", "agitator", "temperature")
            ctx.rest("jacket")
            ctx.loop("agitator", "MANUAL", out=0.0)
            ctx.output("agitator_run", 0.0)


def _press_empty(ctx: Context) -> bool:
    """A batch that was stopped may have left its cake in the press: somebody looks before anything is pumped onto it."""
    answer = ctx.plant.ask("press-empty", "Press empty, cloths and plates clean, nothing left in the cake tray?")
    if answer not in (None, "yes"):
        raise Hold(f"press not empty: {answer}")
    return answer == "yes"


class Wash(Phase):
    """Wash the cake with a volume of water."""

    needs = ("press.wash_total",)
    zeros = ("press.wash_pump_speed_sp", "press.wash_valve")
    prove = False

    def running(self, ctx: Context) -> bool:
        done = ctx.counted("press.wash_total", "start_l", "done_l", 0.02 * ctx.p["volume"])
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
        sample = result.values.get("sample_kg", 0.0)            # weighed by the laboratory, drawn after the scale was read
        cake = ctx.memory["cake_kg"] - sample
        ctx.plant.charged("cake", cake, "kg", max(0.002 * cake, 0.2), "press.cake_weight", "out")
        ctx.plant.charged("cake_sample", sample, "kg", result.u.get("sample_kg", 0.0), "press.cake_weight", "out")
        ctx.report["cake_kg"] = round(cake, 2)
        return True


class ToBuffer(Phase):
    """What came out and what stayed: filtrate with washes by its meter, samples by count, the heel by level and weight."""

    needs = ("level", "weight", "buffer.level")
    prove = False

    def running(self, ctx: Context) -> bool:
        answer = ctx.plant.ask("filtrate-released", "Filtrate in the buffer released?")
        if answer is None:
            return False
        if answer != "yes":
            raise Hold(f"filtrate not released: {answer}")
        level, weight = ctx.mean("level", AVERAGED_S), ctx.mean("weight", AVERAGED_S)
        if level is None or weight is None:
            return False
        if level > ctx.p["level_end"]:
            raise Hold(f"heel {level:.1f} % above {ctx.p['level_end']:g} %")
        self._filtrate(ctx)
        self._samples(ctx)
        self._heel(ctx, level, weight)
        return True

    @staticmethod
    def _filtrate(ctx: Context) -> None:
        if "filtrate_start_l" in ctx.shared:
            filtrate = ctx.value("press.filtrate_total") - ctx.shared["filtrate_start_l"]
            ctx.plant.charged("filtrate", filtrate, "L", FILTRATE_U * filtrate, "press.filtrate_total", "out")
            ctx.report["filtrate_l"] = round(filtrate, 1)

    @staticmethod
    def _samples(ctx: Context) -> None:
        """Slurry drawn for the analyser and for the residue: its liquor by volume, its solids as the residue sample had them."""
        drawn, for_residue = ctx.plant.liquor_samples() * ctx.plant.parameter("icp_sample_l"), ctx.shared.get("residue_sample_l", 0.0)
        ctx.plant.charged("sample", drawn + for_residue, "L", DRAWN_U_REL * (drawn + for_residue), "level", "out")
        dry = sum(result.values.get("sample_kg", 0.0) for result in ctx.plant.results("residue"))
        if for_residue > 0.0 and dry > 0.0:
            beside = dry * drawn / for_residue                  # the same slurry, through the analyser's line
            ctx.plant.charged("sample_solids", dry + beside, "kg", 0.002 * dry + DRAWN_U_REL * beside, "level", "out")

    @staticmethod
    def _heel(ctx: Context, level: float, weight: float) -> None:
        """Level gives the volume of what stays, weight its mass; a solid five times as dense as the liquor makes up the difference."""
        volume = max(level, 0.0) / 100.0 * ctx.plant.parameter("total_volume_l")
        settled_l = max(weight - LIQUOR_KG_L * volume, 0.0) / (SOLIDS_KG_L - LIQUOR_KG_L)
        settled_l = min(settled_l, volume)
        u_kg = SOLIDS_KG_L / (SOLIDS_KG_L - LIQUOR_KG_L) * math.hypot(HEEL_U_KG, LIQUOR_KG_L * HEEL_U_L)
        ctx.plant.charged("heel", volume - settled_l, "L", HEEL_U_L, "level", "out")
        ctx.plant.charged("heel_solids", SOLIDS_KG_L * settled_l, "kg", u_kg, "weight", "out")
        ctx.report.update(heel_l=round(volume - settled_l, 1), heel_solids_kg=round(SOLIDS_KG_L * settled_l, 1))
