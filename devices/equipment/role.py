"""What an equipment class is made of: roles, and how an output of each kind must fail."""

from __future__ import annotations

import msgspec

from devices.profile import CommLoss

FLOW = ("volume flow",)
TOTAL = ("volume", "mass")
SWITCH = ("number",)
SHARE = ("fraction",)
SPEED = ("rotation", "fraction")
LEVEL = ("length", "fraction", "volume")
TEMPERATURE = ("temperature",)
PRESSURE = ("pressure",)

REAGENT_S = 3.0       # acid, solids, peroxide, base, transfer: stopped within this time of losing the gateway
HEATING_S = 30.0


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """One part a tag plays in a unit.

    ``direction``: "in" is read by the gateway, "out" is written. ``dimensions``: what its tag may measure (names of
    ``devices.units``). For an output: ``safe`` is the value it takes in the safe state (None: it keeps its value),
    ``comm_loss`` the actions its device may take when it hears nothing, ``within_s`` the time in which it must.
    """

    name: str
    direction: str
    dimensions: tuple[str, ...]
    description: str
    required: bool = True
    safe: float | None = None
    comm_loss: tuple[CommLoss, ...] = ()
    within_s: float | None = None


class EquipmentClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class of equipment. ``interlocks`` and ``alarms``: names that every unit of the class has rows for."""

    name: str
    description: str
    roles: tuple[Role, ...]
    interlocks: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()

    def role(self, name: str) -> Role:
        """The role of that name. Raises KeyError when the class has no such role."""
        for role in self.roles:
            if role.name == name:
                return role
        raise KeyError(f"{self.name} has no role {name!r}; it has {', '.join(r.name for r in self.roles)}")

    @property
    def inputs(self) -> tuple[Role, ...]:
        """Roles that are read."""
        return tuple(role for role in self.roles if role.direction == "in")

    @property
    def outputs(self) -> tuple[Role, ...]:
        """Roles that are written."""
        return tuple(role for role in self.roles if role.direction == "out")


def measured(name: str, dimensions: tuple[str, ...], description: str, *, required: bool = True) -> Role:
    """An input."""
    return Role(name=name, direction="in", dimensions=dimensions, description=description, required=required)


def stops(name: str, dimensions: tuple[str, ...], description: str, *, within_s: float = REAGENT_S, required: bool = True) -> Role:
    """An output that is safe at zero and goes there by itself when the gateway is gone."""
    return Role(name=name, direction="out", dimensions=dimensions, description=description, required=required, safe=0.0,
                comm_loss=(CommLoss.ZERO,), within_s=within_s)


def goes_on(name: str, dimensions: tuple[str, ...], description: str, *, safe: float | None, required: bool = True) -> Role:
    """An output that is safe running or open, and keeps or takes up its duty when the gateway is gone."""
    return Role(name=name, direction="out", dimensions=dimensions, description=description, required=required, safe=safe,
                comm_loss=(CommLoss.HOLD, CommLoss.GO_ON))


# What the plant process itself counts for every unit: a suspended protection has an alarm of its own.
SUSPENSIONS = (measured("bypasses", SWITCH, "interlocks of the unit that are bypassed now", required=False),
               measured("demands", SWITCH, "of these, the ones whose cause stands", required=False),
               measured("forces", SWITCH, "tags of the unit that are forced now", required=False))


def travel(valve: str, description: str) -> tuple[Role, Role]:
    """The two end switches of an on-off valve: the read-back is the switch, not the echo of the output."""
    return (measured(f"{valve}_open", SWITCH, f"{description}, end switch open"),
            measured(f"{valve}_closed", SWITCH, f"{description}, end switch closed"))
