"""Equipment classes of the plant (ISA-88): what a unit of a class must have, and what must happen to its outputs.

A class names roles; a unit of the plant fills each role with a tag. For every output the class says its safe value and which
comm-loss actions are allowed, within which time; a unit whose device cannot do that needs a watchdogged relay. It also
names the interlocks and alarms that every unit of the class has.

    >>> CLASSES["leach_tank"].role("acid_valve").within_s
    3.0

Source: domain corrections of the process safety review (comm-loss action per output; rows of the cause-and-effect matrix).
"""

from __future__ import annotations

from devices.equipment.buffer_tank import BUFFER_TANK
from devices.equipment.dosing_pump import DOSING_PUMP
from devices.equipment.filter_press import FILTER_PRESS
from devices.equipment.icp_analyzer import ICP_ANALYZER
from devices.equipment.leach_tank import LEACH_TANK
from devices.equipment.role import EquipmentClass, Role
from devices.equipment.scrubber import SCRUBBER
from devices.equipment.site import SITE
from devices.equipment.solids_feeder import SOLIDS_FEEDER
from devices.equipment.transfer_pump import TRANSFER_PUMP

__all__ = ["CLASSES", "EquipmentClass", "Role"]

CLASSES: dict[str, EquipmentClass] = {
    each.name: each
    for each in (
        LEACH_TANK, DOSING_PUMP, TRANSFER_PUMP, ICP_ANALYZER, FILTER_PRESS, SCRUBBER, SOLIDS_FEEDER, BUFFER_TANK, SITE,
    )
}
