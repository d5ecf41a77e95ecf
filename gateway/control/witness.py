"""What was seen when it happened: the readings that made an interlock trip, the value of an alarm as it changed.

The history thins out what hardly moves; what decided stands in the entry itself.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from devices.quality import name as quality_name
from gateway.control.alarm import AlarmRow
from gateway.control.blame import names_blamed
from gateway.control.chain import AlarmChanged, InterlockChanged
from gateway.control.image import Image
from gateway.control.interlock import Row

_BAD = 0x80000000


def trip_seen(entry: InterlockChanged, row: Row, image: Image) -> InterlockChanged:
    """The entry of a trip with the inputs that its cause hangs on, as name -> [value, quality]; forced ones as they were forced."""
    names = dict(row.inputs)
    if row.because is not None:
        names = names_blamed(row.because, image.value, image.quality) or names
    return msgspec.structs.replace(entry, inputs={name: _reading(image, i) for name, i in sorted(names.items())})


def alarm_seen(entry: AlarmChanged, row: AlarmRow, image: Image) -> AlarmChanged:
    """The entry of an alarm that looks at one value with that value; without where it is Bad, or where there are several."""
    if row.pv is None or image.quality[row.pv] & _BAD or not math.isfinite(image.value[row.pv]):
        return entry
    return msgspec.structs.replace(entry, value=image.value[row.pv])


def _reading(image: Image, i: int) -> list[Any]:
    value, quality = image.value[i], image.quality[i]
    return [value if math.isfinite(value) and not quality & _BAD else None, quality_name(quality)]
