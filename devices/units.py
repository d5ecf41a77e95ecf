"""The closed list of units the plant speaks, with conversion, dimension and OPC UA unit id.

base value = value * scale + offset, over the base dimensions of ``BASE``. Two units convert into one another when their
exponents and their ``kind`` agree: the kind keeps apart what shares exponents and must never be mixed (pH and %LEL, a
temperature and a temperature difference, rpm and Hz). ``%``, ``kg/kg`` and ``ppm`` are fractions and do not compare with
a bare number: a level of 80 % is not 80.

    >>> factor("m3/h", "L/min")
    (16.666666666666668, 0.0)
    >>> unit("degC").unit_id
    4408652

Source: UNECE Recommendation 20 common codes; unitId: OPC 10000-8, ASCII of the code to base 256.
"""

from __future__ import annotations

import difflib

import msgspec

BASE = ("length", "mass", "time", "temperature", "amount", "current")    # m, kg, s, K, mol, A
EU_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"

Exponents = tuple[int, int, int, int, int, int]

_NONE: Exponents = (0, 0, 0, 0, 0, 0)
_LENGTH: Exponents = (1, 0, 0, 0, 0, 0)
_VOLUME: Exponents = (3, 0, 0, 0, 0, 0)
_MASS: Exponents = (0, 1, 0, 0, 0, 0)
_TIME: Exponents = (0, 0, 1, 0, 0, 0)
_TEMPERATURE: Exponents = (0, 0, 0, 1, 0, 0)
_HEATING: Exponents = (0, 0, -1, 1, 0, 0)
_VOLUME_FLOW: Exponents = (3, 0, -1, 0, 0, 0)
_MASS_FLOW: Exponents = (0, 1, -1, 0, 0, 0)
_DENSITY: Exponents = (-3, 1, 0, 0, 0, 0)
_MOLARITY: Exponents = (-3, 0, 0, 0, 1, 0)
_AMOUNT: Exponents = (0, 0, 0, 0, 1, 0)
_AMOUNT_FLOW: Exponents = (0, 0, -1, 0, 1, 0)
_PRESSURE: Exponents = (-1, 1, -2, 0, 0, 0)
_POWER: Exponents = (2, 1, -3, 0, 0, 0)
_ENERGY: Exponents = (2, 1, -2, 0, 0, 0)
_CURRENT: Exponents = (0, 0, 0, 0, 0, 1)
_VOLTAGE: Exponents = (2, 1, -3, 0, 0, -1)
_CONDUCTIVITY: Exponents = (-3, -1, 3, 0, 0, 2)
_FREQUENCY: Exponents = (0, 0, -1, 0, 0, 0)


class Unit(msgspec.Struct, frozen=True):
    """One unit of measure.

    ``dimension``: name of what it measures. ``code``: UNECE Rec 20 common code. ``exponents``: powers of ``BASE``.
    ``kind``: keeps apart units of equal exponents ("" where exponents say all). ``display``: what an operator reads.
    """

    symbol: str
    dimension: str
    code: str
    exponents: Exponents
    scale: float = 1.0
    offset: float = 0.0
    kind: str = ""
    note: str = ""

    @property
    def unit_id(self) -> int:
        """OPC UA EUInformation.unitId: the ASCII bytes of the code as one number."""
        return int.from_bytes(self.code.encode("ascii"), "big")

    @property
    def display(self) -> str:
        """EUInformation.displayName."""
        return {"degC": "°C", "m3": "m³", "m3/h": "m³/h", "kg/m3": "kg/m³", "mg/Nm3": "mg/Nm³", "uS/cm": "µS/cm", "1": ""}.get(
            self.symbol, self.symbol)

    @property
    def difference(self) -> str:
        """Symbol of the unit in which a difference of two such values stands: K for degC, else the unit itself."""
        return "K" if self.symbol == "degC" else self.symbol

    def fits(self, other: Unit) -> bool:
        """Whether values of the two units may be compared, added and converted."""
        return self.exponents == other.exponents and self.kind == other.kind

    def times(self, other: Unit) -> Exponents:
        """Exponents of the product of two quantities."""
        return _combine(self.exponents, other.exponents, 1)

    def over(self, other: Unit) -> Exponents:
        """Exponents of the quotient of two quantities."""
        return _combine(self.exponents, other.exponents, -1)


def _combine(a: Exponents, b: Exponents, sign: int) -> Exponents:
    return (a[0] + sign * b[0], a[1] + sign * b[1], a[2] + sign * b[2],
            a[3] + sign * b[3], a[4] + sign * b[4], a[5] + sign * b[5])


_ALL = (
    Unit("degC", "temperature", "CEL", _TEMPERATURE, 1.0, 273.15, kind="point"),
    Unit("K", "temperature difference", "KEL", _TEMPERATURE, note="always a difference here: 5 K is never -268 degC"),
    Unit("K/min", "heating rate", "F11", _HEATING, 1 / 60),
    Unit("kg", "mass", "KGM", _MASS),
    Unit("g", "mass", "GRM", _MASS, 1e-3),
    Unit("L", "volume", "LTR", _VOLUME, 1e-3),
    Unit("m3", "volume", "MTQ", _VOLUME),
    Unit("m3/h", "volume flow", "MQH", _VOLUME_FLOW, 1 / 3600),
    Unit("L/min", "volume flow", "L2", _VOLUME_FLOW, 1e-3 / 60),
    Unit("L/h", "volume flow", "E32", _VOLUME_FLOW, 1e-3 / 3600),
    Unit("kg/h", "mass flow", "E93", _MASS_FLOW, 1 / 3600),
    Unit("kg/min", "mass flow", "F31", _MASS_FLOW, 1 / 60),
    Unit("kg/s", "mass flow", "KGS", _MASS_FLOW),
    Unit("g/L", "density", "GL", _DENSITY),
    Unit("mg/L", "density", "M1", _DENSITY, 1e-3),
    Unit("kg/m3", "density", "KMQ", _DENSITY),
    Unit("kg/kg", "fraction", "M29", _NONE, kind="fraction"),
    Unit("%", "fraction", "P1", _NONE, 1e-2, kind="fraction"),
    Unit("ppm", "fraction", "59", _NONE, 1e-6, kind="fraction"),
    Unit("%/h", "rate of a fraction", "C62", _FREQUENCY, 1e-2 / 3600, kind="fraction", note="no code in Rec 20: one, with a display name"),
    Unit("mol/L", "molarity", "C38", _MOLARITY, 1e3),
    Unit("mol", "amount", "C34", _AMOUNT),
    Unit("mol/min", "amount flow", "L30", _AMOUNT_FLOW, 1 / 60),
    Unit("pH", "pH", "Q30", _NONE, kind="pH"),
    Unit("%LEL", "explosion limit", "P1", _NONE, 1e-2, kind="LEL", note="Rec 20 has no code: per cent with its own display name"),
    Unit("%LEL/min", "rate of an explosion limit", "C62", _FREQUENCY, 1e-2 / 60, kind="LEL",
         note="no code in Rec 20: one, with a display name"),
    Unit("rpm", "rotation", "RPM", _FREQUENCY, 1 / 60, kind="rotation"),
    Unit("bar", "pressure", "BAR", _PRESSURE, 1e5),
    Unit("mbar", "pressure", "MBR", _PRESSURE, 1e2),
    Unit("Pa", "pressure", "PAL", _PRESSURE),
    Unit("kPa", "pressure", "KPA", _PRESSURE, 1e3),
    Unit("kW", "power", "KWT", _POWER, 1e3),
    Unit("W", "power", "WTT", _POWER),
    Unit("kWh", "energy", "KWH", _ENERGY, 3.6e6),
    Unit("A", "current", "AMP", _CURRENT),
    Unit("mA", "current", "4K", _CURRENT, 1e-3),
    Unit("V", "voltage", "VLT", _VOLTAGE),
    Unit("mV", "voltage", "2Z", _VOLTAGE, 1e-3),
    Unit("uS/cm", "conductivity", "G42", _CONDUCTIVITY, 1e-4),
    Unit("mS/cm", "conductivity", "H61", _CONDUCTIVITY, 1e-1),
    Unit("m", "length", "MTR", _LENGTH),
    Unit("mm", "length", "MMT", _LENGTH, 1e-3),
    Unit("s", "time", "SEC", _TIME),
    Unit("min", "time", "MIN", _TIME, 60.0),
    Unit("h", "time", "HUR", _TIME, 3600.0),
    Unit("Hz", "frequency", "HTZ", _FREQUENCY),
    Unit("NTU", "turbidity", "C62", _NONE, kind="turbidity", note="no code in Rec 20: one, with a display name"),
    Unit("mg/Nm3", "emission", "GP", _DENSITY, 1e-6, kind="emission", note="mg per cubic metre at 0 degC and 1013.25 mbar"),
    Unit("1", "number", "C62", _NONE),
)

UNITS: dict[str, Unit] = {each.symbol: each for each in _ALL}


def unit(symbol: str) -> Unit:
    """The unit of that symbol. Raises ValueError that names the nearest symbols of the list."""
    found = UNITS.get(symbol)
    if found is not None:
        return found
    lower = {name.lower(): name for name in UNITS}
    near = [lower[name] for name in difflib.get_close_matches(symbol.lower(), list(lower), n=1, cutoff=0.3)]
    meant = f"; nearest is {near[0]}" if near else ""
    raise ValueError(f"unknown unit {symbol!r}{meant}")


def dimension(symbol: str) -> str:
    """The name of what a unit measures. Raises ValueError for an unknown symbol."""
    return unit(symbol).dimension


def factor(from_: str, to: str) -> tuple[float, float]:
    """Gain and offset with which a value in ``from_`` becomes one in ``to``: value * gain + offset.

    Raises: ValueError when a symbol is unknown or the two measure different things.
    """
    a, b = unit(from_), unit(to)
    if not a.fits(b):
        raise ValueError(f"{from_} ({a.dimension}) does not convert to {to} ({b.dimension})")
    if a == b:
        return 1.0, 0.0
    return a.scale / b.scale, (a.offset - b.offset) / b.scale
