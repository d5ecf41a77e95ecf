"""The shape of the configuration, file by file.

Everything is checked at load; nothing is changed at run time (a change takes effect at the next start). Names that
refer to something else (a tag, a device, a role) are plain strings here; ``checks`` proves that they exist.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.profile import Profile
from gateway.config.security import Security


class Model(BaseModel):
    """Closed and frozen: an unknown key is a fault, a value is never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Seconds = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=64)]
Baud = Literal[300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600]
PORTS = {"modbus_tls": 802}
ScanRate = Literal["trip", "fast", "slow"]


# --- site.yaml ---------------------------------------------------------------------------------------------------
class Scan(Model):
    """Periods of the scan grid. ``trip`` is the base tick; the others are multiples of it."""

    trip_s: float = Field(default=0.5, gt=0, le=5)
    fast_s: float = Field(default=1.0, gt=0, le=60)
    slow_s: float = Field(default=5.0, gt=0, le=600)


class Record(Model):
    """How long an entry may wait for the disk: then every batch is held with its dosing still; then all is safe and the process ends."""

    hold_s: float = Field(default=5, gt=0, le=60)
    safe_s: float = Field(default=15, gt=0, le=60)


class Site(Model):
    """The plant as a whole. ``parameters``: figures that matrix, loops and recipes may name (unit in the name).

    ``uncertainty``: standard uncertainty of those that are not exact, in the figure's unit (a temperature's in K).
    """

    name: str
    process_cell: Name
    description: str = ""
    scan: Scan = Scan()
    record: Record = Record()
    startup_timeout_s: float = Field(30, gt=0, le=600)
    bypass_max_h: float = Field(8, gt=0, le=8)
    parameters: dict[str, float] = {}
    uncertainty: dict[str, Annotated[float, Field(ge=0)]] = {}


# --- devices.yaml ------------------------------------------------------------------------------------------------
class Link(Model):
    """One way south: a Modbus TCP socket (a device or a serial gateway), the same in TLS, a serial bus, or an OPC UA endpoint.

    ``modbus_rtu`` is a serial port of this machine, ``modbus_rtu_tcp`` a serial device server that passes RTU frames as they
    are. A bus has one master: no other program may open the port or the server.
    """

    kind: Literal["modbus_tcp", "modbus_tls", "modbus_rtu_tcp", "modbus_rtu", "opcua"]
    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=1, le=65535)      # needed over TCP; 802 for modbus_tls
    timeout_ms: int = Field(500, ge=20, le=10_000)
    window: int = Field(1, ge=1, le=32)         # requests the other end queues; more than 1 only where its maker says so
    path: str | None = None                     # modbus_rtu: the serial port, by the name that it keeps: /dev/serial/by-id/...
    baud: Baud = 19_200                         # of the bus, also behind a device server: the silence between frames follows from it
    parity: Literal["none", "even", "odd"] = "even"
    stop_bits: Literal[1, 2] = 1                # 2 where there is no parity, says the standard; 1 is common
    ca: str | None = None                       # modbus_tls: file (PEM) of the authority that signed the server's certificate,
    certificate: str | None = None              # of our own certificate with its chain,
    key: str | None = None                      # and of its key
    server_name: str | None = None              # what the server's certificate must say; default: host
    security: Security = Security()             # of an OPC UA link
    description: str = ""

    @property
    def place(self) -> str:
        """Where it leads: host and port, or the path of a serial port."""
        return self.path or "?" if self.kind == "modbus_rtu" else f"{self.host}:{self.tcp_port}"

    @property
    def tcp_port(self) -> int:
        """The port as given, or the one that the protocol has."""
        return self.port or PORTS.get(self.kind, 502)

    @property
    def bus(self) -> bool:
        """Whether it is a serial bus, on which answers carry no number."""
        return self.kind in ("modbus_rtu", "modbus_rtu_tcp")


class Device(Model):
    """One instrument: a profile behind a link. ``timeout_s``: its comm-loss watchdog as set in the device."""

    profile: Name
    link: Name
    unit_id: int | None = Field(None, ge=0, le=247)
    timeout_s: float | None = Field(None, gt=0, le=60)
    description: str = ""
    comm_loss: dict[str, Literal["zero", "hold", "on", "preset"]] = {}   # point -> action as set in this device


# --- tags.yaml ---------------------------------------------------------------------------------------------------
class Output(Model):
    """What makes a tag an output. Every output has a safe value and a comm-loss action."""

    safe: float | Literal["hold"]               # "hold": keep what the device does (agitator, fan, cooling, purge)
    comm_loss: Literal["zero", "hold", "on"]
    watchdog_relay: Name | None = None          # tag of the watchdogged relay, where the device has no action of its own
    readback: Name | None = None                # tag that proves the output (a switch, a measured speed), default itself
    tolerance: float | None = Field(None, ge=0)  # in tag units; default: resolution of the point
    settle_s: Seconds = 5.0                     # time the plant has to follow before a difference is drift
    rate_per_s: float | None = Field(None, gt=0)
    deadband: float = Field(0.0, ge=0)
    enforce: Literal["reassert_once", "alarm_only"] = "reassert_once"
    local: Name | None = None                   # switch that is 0 while the device is worked at its own panel: nothing is written then


class Tag(Model):
    """One value of the plant, bound to one point of one device.

    ``range``: what the plant allows, in ``unit``. ``span``: linear map from point units to tag units
    ``[[point_low, point_high], [tag_low, tag_high]]`` (a 4..20 mA channel, a drive's per cent).
    ``max_age_s``: older than this is Bad. ``internal``: a tag without device that shows what the plant process itself
    knows: ``loop.<loop>.sp`` (or ``ramped``, ``out``), ``batch.<unit>.<figure>``, ``checks.<unit>.overdue`` (or ``due_soon``),
    ``bypasses.<unit>`` and ``forces.<unit>`` (how many rows are bypassed and how many tags forced there), ``record.waiting`` (for how
    many s the oldest entry has waited for the disk).
    """

    description: str
    unit: str = "1"
    device: Name | None = None
    point: Name | None = None
    internal: Name | None = None
    scan: ScanRate = "fast"
    max_age_s: float = Field(5.0, gt=0, le=600)
    range: tuple[float, float] | None = None
    span: tuple[tuple[float, float], tuple[float, float]] | None = None
    frozen_s: float | None = Field(None, ge=10, le=86_400)   # standing still for so long it is Uncertain
    leap_per_s: float | None = Field(None, gt=0)             # changing faster than that (in its unit) a reading is Uncertain
    invert: bool = False                        # a normally-closed switch: the tag is 1 when the bit is 0
    states: dict[int, str] = {}                 # names of the values of a switch or enumeration
    output: Output | None = None
    u: Annotated[float, Field(ge=0)] | Name | None = None   # standard uncertainty in its unit (an offset), or the tag that shows it
    u_rel: float | None = Field(None, ge=0, le=1)            # standard uncertainty as a fraction of the reading (a gain)


class Derived(Model):
    """A value computed at the head of each scan. Quality is the worst of what it is made from.

    ``rate``: least-squares slope of ``of`` over ``window_s`` per minute; ``total``: integral of ``of`` (per minute
    units) since reset; ``expression``: any numeric expression of the condition language. Its uncertainty follows from what it
    is made from; ``u`` (a number or an expression, in its unit) and ``u_rel`` add what the model itself is worth.
    """

    description: str
    unit: str
    kind: Literal["rate", "total", "expression", "mean"]
    of: str
    window_s: Seconds = 60.0
    range: tuple[float, float] | None = None
    scan: ScanRate = "fast"                     # how often it is computed
    reset: Name | None = None                   # a total begins at 0 with every batch of this unit
    u: Annotated[float, Field(ge=0)] | str | None = None
    u_rel: float | None = Field(None, ge=0, le=1)


# --- units.yaml --------------------------------------------------------------------------------------------------
class Unit(Model):
    """A unit of an equipment class: which tag plays which role."""

    equipment_class: Name = Field(alias="class")
    description: str = ""
    roles: dict[Name, Name]
    parameters: dict[str, float] = {}
    number: int = 0                             # the n of a templated unit
    uses: dict[Name, Name] = {}                 # short name -> shared unit: "feeder.run" is role run of that unit
    loops: dict[Name, Name] = {}                # what phases call a loop -> its name: temperature -> TIC-1011


# --- loops.yaml --------------------------------------------------------------------------------------------------
class Limiter(Model):
    """One limit on a feed: full rate while ``pv`` is at or below ``full``, none at ``zero``, linear between."""

    pv: Name
    full: float
    zero: float
    description: str = ""


class Forward(Model):
    """Feed-forward: ``gain`` (output units per unit of ``pv``) times what ``pv`` is above ``zero`` is added to the output."""

    pv: Name
    gain: float
    zero: float = 0.0
    description: str = ""


class Zone(Model):
    """One zone of a gain schedule: below this value (the last one: also above) the gain is multiplied by ``factor``."""

    below: float
    factor: float = Field(gt=0, le=1000)


class Schedule(Model):
    """A gain schedule by ``by`` (default: the loop's pv); a border is passed only by more than ``margin``."""

    by: Name | None = None
    margin: float = Field(0.0, ge=0)
    zones: tuple[Zone, ...] = Field(min_length=2, max_length=5)


class Dose(Model):
    """How a total loop doses: ``fast``, ``slow`` for the last ``slow_below``; ``in_flight``: what runs after the closing, to begin with."""

    fast: float = Field(gt=0)
    slow: float = Field(gt=0)
    slow_below: float = Field(ge=0)
    in_flight: float = Field(0.0, ge=0)
    settle_s: float = Field(10.0, gt=0, le=600)


class Loop(Model):
    """A control loop. Times in s, gain in output units per pv unit; ``to``: an output tag, or another loop (cascade).

    ``kind``: pid, dose (a pid that feeds through a valve of its own), ratio (out = sp * pv + bias), total (dose until the
    counter ``pv`` shows sp), feed (the least of sp and its ``limits``), direct (sp is the output), on_off, select (the least or
    greatest of what the loops that go ``to`` it ask for).
    """

    description: str = ""
    kind: Literal["pid", "feed", "dose", "direct", "on_off", "ratio", "total", "select"]
    unit_of: Name                               # the unit it belongs to
    pv: Name | None = None                      # tag or derived tag
    to: Name                                    # output tag or loop name
    to_low: Name | None = None                  # split range: output driven by the lower half (cooling)
    action: Literal["reverse", "direct"] = "reverse"
    gain: float = 1.0
    ti_s: float | None = Field(None, gt=0)
    td_s: Seconds = 0.0
    tf_s: Seconds = 0.0                         # time constant of the filter of the measured value, second order
    b: float = Field(1.0, ge=0, le=1)
    gap: float = Field(0.0, ge=0)               # an error smaller than this (pv units) counts as none
    out_low: float = 0.0
    out_high: float = 100.0
    out_rate_per_s: float | None = Field(None, gt=0)
    sp_low: float | None = None
    sp_high: float | None = None
    sp_rate_per_min: float | None = Field(None, gt=0)
    sp_track: bool = False                      # taken to AUTO without a setpoint it keeps the pv it has
    holdback: float | None = Field(None, gt=0)  # the ramp waits while pv lags the ramped sp by more than this
    bad_hold_s: Seconds = 3.0
    good_scans: int = Field(3, ge=1, le=100)    # Good readings in a row that end a time without
    bad_out: Literal["hold", "safe", "ramp"] = "safe"       # safe: each output to its own (hold keeps); ramp: there at out_rate_per_s
    safe_out: float | None = None               # of a loop that goes to another one: what does no harm there (default: out_low)
    linearise: Literal["none", "strong_acid", "curve"] = "none"     # strong_acid: pH as excess of base; the gain is per mol/L
    curve: tuple[tuple[float, float], ...] = ()             # [pv, equivalent], both rising: a titration curve; the gain is per equivalent
    schedule: Schedule | None = None
    forward: Forward | None = None
    hysteresis: float = Field(0.0, ge=0)        # on_off: on below sp, off above sp + hysteresis
    bias: float = 0.0                           # ratio
    dosing: Dose | None = None                  # total
    pick: Literal["low", "high"] = "low"        # select
    scan: ScanRate = "fast"
    source: str = "assumed"                     # where the tuning comes from
    limits: dict[Name, Limiter] = {}            # feed loops: the acid feed is the minimum of these
    band: float | None = Field(None, gt=0)      # deviation that counts as in limits (default: 2 % of sp_low..sp_high, or of the pv's range)
    total: Name | None = None                   # dose loops: the totaliser tag
    valve: Name | None = None                   # the block valve that opens with the feed


# --- matrix.yaml -------------------------------------------------------------------------------------------------
class Interlock(Model):
    """One row of the cause-and-effect matrix; with ``class`` it stands once for every unit of that class.

    ``cause``: condition over tags, roles of the unit, derived tags and site parameters; true or unknown trips.
    ``effects``: output role or tag -> forced value. ``permissive``: it only forbids starting, and is never latched.
    ``reset``: condition that must be true before a person may reset it, beside a cause that is false; false or unknown refuses.
    ``safety_time_s``: process safety time, from the cause to the harm; what the cause looks at is polled within a quarter
    of it and turns Bad within all of it.
    """

    equipment_class: Name | None = Field(None, alias="class")
    unit: Name | None = None
    description: str
    cause: str
    delay_s: Seconds = 0.0
    safety_time_s: float = Field(5.0, gt=0, le=3600)
    effects: dict[Name, float]
    latch: bool = True
    reset: str | None = None
    hold: Literal["unit", "all", "none"] = "unit"   # whose batch goes to HOLDING
    permissive: bool = False
    bypass: bool = True                         # whether a bypass may be given at all
    priority: Literal["critical", "high", "medium", "low"] = "high"
    consequence: str
    action: str
    response_min: float = Field(10, gt=0)
    source: str = ""


# --- alarms.yaml -------------------------------------------------------------------------------------------------
class Alarm(Model):
    """One alarm. Cause, consequence, action and response time are required: without an action it is an event.

    ``deadband``: a number with its unit; an alarm whose ``when`` is one comparison stays until the value is back by so much.
    ``clear_when``: any other condition that must be true before it goes. ``group``: alarms that one cause sets off, of which the
    first that sounds is marked; in a row with a class every unit has a group of its own.
    ``suppressed_when``: by design not shown; it may name a phase or a state, ``phase.FILTER`` or ``R-101.state.HELD``.
    """

    equipment_class: Name | None = Field(None, alias="class")
    unit: Name | None = None
    of: Literal["network", "link", "device"] | None = None      # then ``when`` is one of the causes that ``control.comms`` knows
    where: Name | None = None                   # which one; none: the row stands for every link or device
    when: str
    priority: Literal["critical", "high", "medium", "low"]
    on_delay_s: Seconds = 0.0
    off_delay_s: Seconds = 0.0
    deadband: str | None = None                 # "2 %": when > 80 % goes at 78 %
    clear_when: str | None = None
    latch: bool = False
    group: Name | None = None
    suppressed_when: str | None = None
    on_unknown: bool = False                    # unknown raises it too (else loss of the signal has its own alarm)
    cause: str
    consequence: str
    action: str
    response_min: float = Field(gt=0)

    @property
    def first_out_group(self) -> str:
        """The group by its full name; "" without one."""
        return "" if self.group is None else f"{self.unit}.{self.group}" if self.equipment_class else self.group


# --- checks.yaml -------------------------------------------------------------------------------------------------
class Check(Model):
    """A calibration or proof test that is repeated; with ``class`` it stands once for every unit of that class.

    ``of``: role or tag that is calibrated; for ``icp`` the device; for ``proof_test`` the row of the matrix. Overdue, failed or never
    done it ``blocks`` the start of a batch on its unit and on units that use it, with one of ``feeds``. ``tolerance``: figure -> limits,
    where they are not those of the kind.
    """

    equipment_class: Name | None = Field(None, alias="class")
    unit: Name | None = None
    description: str = ""
    kind: Literal["ph", "gas_bump", "scale", "icp", "proof_test"]
    of: Name
    interval_d: float = Field(gt=0, le=3660)
    warn_d: float = Field(1.0, ge=0, le=366)    # before it is due
    blocks: Literal["start", "nothing"]
    feeds: tuple[Literal["metal", "partly_oxidised", "roasted"], ...] = ()      # none: every feed
    tolerance: dict[Name, tuple[float, float]] = {}
    elements: tuple[Name, ...] = ()             # of an icp check: those of the control sample
    source: str = "assumed"                     # where interval and tolerance come from


# --- recipes/*.yaml ----------------------------------------------------------------------------------------------
class FormulaItem(Model):
    """One formula value: a number with its unit and the range within which a person may change it."""

    value: float
    unit: str
    low: float
    high: float
    description: str = ""
    scale: Literal["none", "charge"] = "none"   # "charge": proportional to the charged mass


class Step(Model):
    """One step of the procedure: a phase with parameters; each parameter is a number or a formula expression."""

    phase: Name
    operation: Name
    parameters: dict[str, float | str] = {}
    timeout_min: float = Field(gt=0)
    parallel: tuple[Name, ...] = ()             # names of steps that start together with this one


class Recipe(Model):
    """A master recipe."""

    recipe: Name
    version: str
    status: Literal["draft", "test", "released", "retired"]
    equipment_class: Name = Field(alias="class")
    feed_states: tuple[Literal["metal", "partly_oxidised", "roasted"], ...]
    description: str
    formula: dict[str, FormulaItem]
    computed: dict[str, str] = {}               # name -> expression over formula, lot and site figures, in order
    procedure: dict[Name, Step]                 # in order


# --- lots/*.yaml -------------------------------------------------------------------------------------------------
class Assay(Model):
    """Mass fraction of one element in the dry lot, with its standard uncertainty (relative) and method."""

    fraction: float = Field(ge=0, le=1)
    u_rel: float = Field(gt=0, le=0.5)
    method: str


class Lot(Model):
    """A lot of swarf as received: whose it is, what is in it, how well that is known."""

    lot: Name
    owner: str
    site: str
    process_step: str
    alloy: str
    feed_state: Literal["metal", "partly_oxidised", "roasted"]
    mass_kg: float = Field(gt=0)
    moisture: float = Field(ge=0, lt=1)
    moisture_u: float = Field(ge=0)
    d50_um: float = Field(gt=0)
    mass_u_rel: float = Field(gt=0, le=0.1)
    assay: dict[str, Assay]
    waste_origin: Literal["pre_consumer", "post_consumer"]
    origin: dict[str, str] = {}                 # mining, refining, separation, metal, alloy, magnet -> country or "unknown"
    ownership: Literal["toll", "purchased"]
    notes: str = ""


# --- simulation.yaml ---------------------------------------------------------------------------------------------
class SenseModel(Model):
    """How an instrument of the simulated line sees one physical variable.

    ``span``: linear map from the variable's units to the tag's, where they measure different things (m of level to %).
    """

    variable: str
    span: tuple[tuple[float, float], tuple[float, float]] | None = None
    tau_s: Seconds | None = None
    noise: Seconds | None = None
    drift_per_h: float | None = None
    kind: Name | None = None                    # defaults by instrument kind


class Simulation(Model):
    """The simulated line: parameters of the physics, which variable each tag sees or moves, seeds.

    ``constants``: inputs that do not change by themselves (a local/remote switch). ``own``: tags that the device makes
    itself, without a variable of the physics (a pump's run bit). ``full_rpm``: shaft speed of a drive at 100 %.
    """

    seed: int = 1
    parameters: dict[str, Any] = {}
    senses: dict[Name, SenseModel]              # input tag -> variable
    constants: dict[Name, float] = {}           # input tag -> value
    actuators: dict[Name, str]                  # output tag -> variable
    own: tuple[Name, ...] = ()
    full_rpm: dict[Name, float] = {}            # drive -> rpm
    true_assays: dict[Name, dict[str, float]] = {}   # lot -> element -> true fraction


class Config(Model):
    """The whole plant. ``source``: key path -> "file:line" of every loaded value; ``digest``: SHA-256 of the files.

    ``profiles``: every instrument that a device may be, those of the program and those described in the folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    site: Site
    links: dict[Name, Link]
    devices: dict[Name, Device]
    tags: dict[Name, Tag]
    derived: dict[Name, Derived] = {}
    units: dict[Name, Unit]
    loops: dict[Name, Loop]
    interlocks: dict[Name, Interlock]           # expanded: "R-101.agitator_not_proven"
    alarms: dict[Name, Alarm]                   # expanded likewise
    checks: dict[Name, Check] = {}              # expanded likewise
    recipes: dict[Name, Recipe]
    lots: dict[Name, Lot]
    simulation: Simulation
    profiles: dict[str, Profile] = {}
    digest: str = ""
    source: dict[str, str] = {}
