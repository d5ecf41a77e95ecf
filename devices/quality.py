"""Quality of a value as an OPC UA status code.

Source: OPC 10000-4 table of status codes; the numbers are those of ``Opc.Ua.StatusCodes.csv``.

    >>> is_good(GOOD_LOCAL_OVERRIDE), is_bad(BAD_NO_COMMUNICATION)
    (True, True)
"""

from __future__ import annotations

GOOD = 0x00000000
GOOD_LOCAL_OVERRIDE = 0x00960000
GOOD_CLAMPED = 0x00300000
UNCERTAIN = 0x40000000
UNCERTAIN_NO_COMMUNICATION_LAST_USABLE = 0x408F0000
UNCERTAIN_LAST_USABLE = 0x40900000
UNCERTAIN_SUBSTITUTE = 0x40910000
UNCERTAIN_INITIAL = 0x40920000
UNCERTAIN_SENSOR_NOT_ACCURATE = 0x40930000
UNCERTAIN_EU_EXCEEDED = 0x40940000
UNCERTAIN_SUBNORMAL = 0x40950000
BAD = 0x80000000
BAD_COMMUNICATION_ERROR = 0x80050000
BAD_TIMEOUT = 0x800A0000
BAD_NO_COMMUNICATION = 0x80310000
BAD_WAITING_FOR_INITIAL_DATA = 0x80320000
BAD_OUT_OF_RANGE = 0x803C0000
BAD_CONFIGURATION_ERROR = 0x80890000
BAD_NOT_CONNECTED = 0x808A0000
BAD_DEVICE_FAILURE = 0x808B0000
BAD_SENSOR_FAILURE = 0x808C0000
BAD_OUT_OF_SERVICE = 0x808D0000

_SEVERITY = 0xC0000000
_UNCERTAIN_BIT = 0x40000000
_BAD_BIT = 0x80000000

NAMES: dict[int, str] = {
    GOOD: "Good",
    GOOD_LOCAL_OVERRIDE: "GoodLocalOverride",
    GOOD_CLAMPED: "GoodClamped",
    UNCERTAIN: "Uncertain",
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE: "UncertainNoCommunicationLastUsableValue",
    UNCERTAIN_LAST_USABLE: "UncertainLastUsableValue",
    UNCERTAIN_SUBSTITUTE: "UncertainSubstituteValue",
    UNCERTAIN_INITIAL: "UncertainInitialValue",
    UNCERTAIN_SENSOR_NOT_ACCURATE: "UncertainSensorNotAccurate",
    UNCERTAIN_EU_EXCEEDED: "UncertainEngineeringUnitsExceeded",
    UNCERTAIN_SUBNORMAL: "UncertainSubNormal",
    BAD: "Bad",
    BAD_COMMUNICATION_ERROR: "BadCommunicationError",
    BAD_TIMEOUT: "BadTimeout",
    BAD_NO_COMMUNICATION: "BadNoCommunication",
    BAD_WAITING_FOR_INITIAL_DATA: "BadWaitingForInitialData",
    BAD_OUT_OF_RANGE: "BadOutOfRange",
    BAD_CONFIGURATION_ERROR: "BadConfigurationError",
    BAD_NOT_CONNECTED: "BadNotConnected",
    BAD_DEVICE_FAILURE: "BadDeviceFailure",
    BAD_SENSOR_FAILURE: "BadSensorFailure",
    BAD_OUT_OF_SERVICE: "BadOutOfService",
}


def is_good(code: int) -> bool:
    """Whether the severity bits say Good."""
    return code & _SEVERITY == 0


def is_uncertain(code: int) -> bool:
    """Whether the severity bits say Uncertain."""
    return code & _SEVERITY == _UNCERTAIN_BIT


def is_bad(code: int) -> bool:
    """Whether the severity bits say Bad (both bits set is reserved and counts as Bad)."""
    return code & _BAD_BIT != 0


def worse(a: int, b: int) -> int:
    """The worse of two qualities; the first on a tie."""
    return b if (b & _SEVERITY) > (a & _SEVERITY) else a


def name(code: int) -> str:
    """The standard's name of a code, or its hexadecimal form."""
    return NAMES.get(code, f"0x{code:08X}")
