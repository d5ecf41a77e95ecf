"""The phases of the leach line by the name a recipe calls them: what each does while RUNNING, and what it zeroes on the way to HELD.

>>> PHASES["WASH"].zeros
('press.wash_pump_speed_sp', 'press.wash_valve')
"""

from __future__ import annotations

from gateway.batch.phases import finish, leach, prepare, separate
from gateway.batch.procedure import Phase

PHASES: dict[str, Phase] = {
    "CHECK_UNIT": prepare.CheckUnit(), "CHARGE_WATER": prepare.ChargeWater(), "START_AGITATOR": prepare.StartAgitator(),
    "HEAT": prepare.Heat(), "COOL": prepare.Cool(),
    "DOSE_SOLIDS": leach.DoseSolids(), "DOSE_ACID": leach.DoseAcid(), "LEACH": leach.Leach(),
    "RESIDUE_SAMPLE": leach.ResidueSample(), "SAMPLE": leach.Sample(),
    "OXIDISE": finish.Oxidise(), "ADJUST_PH": finish.AdjustPh(),
    "FILTER": separate.Filter(), "WASH": separate.Wash(), "BLOW": separate.Blow(), "DROP": separate.Drop(),
    "TO_BUFFER": separate.ToBuffer(),
}
