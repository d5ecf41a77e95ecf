"""One mistake in the Belfast configuration, one fault, at its line, in words that help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.config.faults import Fault


class Mistake(NamedTuple):
    """``old`` becomes ``new`` in ``file``; the fault ``says`` something at the line of ``at`` (default: of ``new``)."""

    file: str
    old: str
    new: str
    says: str
    at: str = ""
    where: str = ""  # file of ``at``, where it is another one


SITE = [
    Mistake("site.yaml", "fast_s: 1.0", "fast_s: 0.75", "site.scan.fast_s: 0.75 s; a whole multiple"),
    Mistake("site.yaml", "startup_timeout_s: 30", "startup_timeout_s: 5", "less than two slow scans"),
    Mistake("site.yaml", "bypass_max_h: 8", 'bypass_max_h: "8"', "'8' is not a number (text in quotes)"),
    Mistake("site.yaml", "bypass_max_h: 8", "bypass_max_h: true", "True is not a number"),
    Mistake("site.yaml", "bypass_max_h: 8", "bypass_max_h: .nan", ".nan is not a finite number"),
    Mistake("site.yaml", "bypass_max_h: 8", "bypass_max_h: -.inf", "-.inf is not a finite number"),
    Mistake("site.yaml", "bypass_max_h: 8", "bypass_max_h: 24", "24 must be less than or equal to 8"),
    Mistake("site.yaml", "bypass_max_h: 8", "bypas_max_h: 8", "unknown key 'bypas_max_h', allowed:"),
    Mistake("site.yaml", "    level_trip_pct: 90", "    9spare: 90\n    level_trip_pct: 90", "cannot be written in a condition"),
    Mistake("site.yaml", "  name: Belfast demonstration line\n", "", "site.name: is missing", "site:"),
    Mistake("site.yaml", "hold_s: 5,", "hold_s: 0.5,", "0.5 s is less than two trip scans (1 s)"),
    Mistake("site.yaml", "safe_s: 15}", "safe_s: 5}", "site.record.safe_s: 5 s; more than hold_s (5 s) is needed"),
    Mistake(
        "site.yaml",
        "  process_cell: LEACH",
        "  name: Again\n  process_cell: LEACH",
        "site.name: duplicate key, first given in line 5",
        "  name: Again",
    ),
]

DEVICES = [
    Mistake(
        "devices.yaml",
        "GW-200: {kind: modbus_tcp, port: 15040",
        "GW-200: {kind: modbus_tcp, port: 15030",
        "127.0.0.1:15030 is already link GW-100",
    ),
    Mistake("devices.yaml", "ICP: {kind: opcua, port: 15060", "ICP: {kind: opcua, port: 0", "0 must be greater than or equal to 1"),
    Mistake("devices.yaml", "{policy: none}", "{policy: nonsense}", "links.ICP.security.policy: 'nonsense', allowed: Aes256_Sha256_RsaPss"),
    Mistake("devices.yaml", "{policy: none}", "{policy: none, user: ann, password_env: P}", "who it is in the clear"),
    Mistake("devices.yaml", "{policy: none}", "{user: ann}", "ann needs one of password_file and password_env, has 0"),
    Mistake("devices.yaml", "{policy: none}", "{user: ann, password_env: P, password_file: f}", "has 2"),
    Mistake("devices.yaml", "{policy: none}", "{user: ann, password: secret}", "unknown key 'password'"),
    Mistake("devices.yaml", "{policy: none}", "{password_env: P}", "a password without a user"),
    Mistake("devices.yaml", "{policy: none}", "{user_certificate: u.der}", "user_certificate and user_key belong together"),
    Mistake(
        "devices.yaml",
        "{policy: none}",
        "{user: ann, password_env: P, user_certificate: u.der, user_key: u.key}",
        "user ann is given too: one of them",
    ),
    Mistake("devices.yaml", "{policy: none}", "{policy: none, host: icp.plant}", "is not checked with policy none"),
    Mistake(
        "devices.yaml",
        "GW-200: {kind: modbus_tcp,",
        "GW-200: {kind: modbus_tcp, security: {},",
        "security means nothing to modbus_tcp, only to opcua",
    ),
    Mistake("devices.yaml", "  ICP: {", "  GW-900: {kind: modbus_tcp, port: 15090}\n  ICP: {", "no device is on this link", "  GW-900"),
    Mistake("devices.yaml", "ICP: {kind: opcua", "ICP: {kind: modbus_tcp", "ICP speaks modbus, icp_lads speaks opcua", "AE-501:"),
    Mistake(
        "devices.yaml",
        "P-132: {profile: prominent_gamma_x",
        "P-132: {profile: prominent_gama_x",
        "unknown profile 'prominent_gama_x'; nearest: prominent_gamma_x",
    ),
    Mistake(
        "devices.yaml",
        "AC-301: {profile: liquiline_cm44x, link: GW-300",
        "AC-301: {profile: liquiline_cm44x, link: GW-30",
        "unknown link 'GW-30'",
    ),
    Mistake("devices.yaml", "link: GW-100, unit_id: 23", "link: GW-100, unit_id: 22", "22 on GW-100 is already P-131", "  P-132: {"),
    Mistake("devices.yaml", "link: GW-100, unit_id: 23", "link: GW-100, unit_id: 0", "0 is broadcast"),
    Mistake("devices.yaml", "link: GW-100, unit_id: 23, ", "link: GW-100, ", "unit_id is missing", "  P-132: {"),
    Mistake(
        "devices.yaml",
        "AC-301: {profile: liquiline_cm44x,",
        "AC-301: {profile: liquiline_cm44x, timeout_s: 3,",
        "liquiline_cm44x has no watchdog",
    ),
    Mistake(
        "devices.yaml",
        "comm_loss: {do_5_0: hold, do_5_2: hold}",
        "comm_loss: {do_5_0: hold, do_5_2: hold, do_5_16: hold}",
        "unknown written point 'do_5_16'",
    ),
    Mistake(
        "devices.yaml",
        "comm_loss: {do_5_0: hold, do_5_2: hold}",
        "comm_loss: {do_5_0: hold, do_5_2: hold, do_5_9: preset}",
        "has no preset for do_5_9",
    ),
    Mistake(
        "devices.yaml",
        "IO-300: {kind: modbus_tcp, port: 15051, window: 2, timeout_ms: 200",
        "IO-300: {kind: modbus_tcp, port: 15051, window: 2, timeout_ms: 1500",
        "2 s is less than twice the 1500 ms",
        "  IO-300: {profile",
    ),
    Mistake(
        "devices.yaml",
        "  AC-301: {",
        "  AC-302: {profile: liquiline_cm44x, link: GW-300, unit_id: 3}\n  AC-301: {",
        "no tag uses this device",
        "  AC-302",
    ),
    Mistake("devices.yaml", "unit_id: 21, timeout_s: 2,", "unit_id: 21, timeout_s: 5,", "of P-121 must fall within 3 s"),
    Mistake(
        "devices.yaml",
        "  GD-405: {",
        "  GD-401: {profile: sensepoint_xrl, link: GW-300, unit_id: 19}\n  GD-405: {",
        "duplicate key, first given in config/devices.yaml:",
        "  GD-401: {profile",
    ),
]

TAGS = [
    Mistake("tags.yaml", "Hopper weight, unit: kg", "Hopper weight, unit: kgs", "tags.WIT-101.unit: 'kgs', allowed: degC"),
    Mistake(
        "tags.yaml",
        "Hopper weight, unit: kg",
        "Hopper weight, unit: bar",
        "tag WIT-101 is in bar (pressure), the role needs mass",
        "hopper_weight: WIT-101",
        "units.yaml",
    ),
    Mistake(
        "tags.yaml",
        'unit: L/min, device: "P-{p}", point: flow',
        'unit: kg/h, device: "P-{p}", point: flow',
        "does not convert",
        "  FIT-{p}: {",
    ),
    Mistake("tags.yaml", "device: IO-100, point: ai_0_0", "device: IO-109, point: ai_0_0", "unknown device 'IO-109'"),
    Mistake("tags.yaml", "device: IO-100, point: ai_0_0", "device: IO-100, point: ai_9_0", "unknown point of adam_5000_tcp 'ai_9_0'"),
    Mistake(
        "tags.yaml",
        "device: IO-100, point: ai_0_0",
        "device: IO-100, point: ai_0_1",
        "ai_0_1 shares registers with ai_0_1 of tag WIT-101",
        "  LIT-110",
    ),
    Mistake(
        "tags.yaml",
        "device: IO-200, point: do_5_4",
        "device: IO-200, point: do_5_3",
        "do_5_3 shares registers with do_5_3 of tag XV-203",
        "  XV-204",
    ),
    Mistake("tags.yaml", "device: IO-100, point: ai_0_0, ", "device: IO-100, ", "device and point are missing"),
    Mistake("tags.yaml", "span: [[4, 20], [0, 150]]", "span: [[4, 4], [0, 150]]", "maps to one point"),
    Mistake("tags.yaml", "span: [[4, 20], [0, 150]]", "span: [[4, 25], [0, 150]]", "4..25 lies outside the point's 3.8..19.999 mA"),
    Mistake("tags.yaml", "range: [-2, 150]", "range: [150, -2]", "150..-2 is inverted"),
    Mistake("tags.yaml", "range: [-2, 150]", "range: [200, 300]", "lies outside the instrument's"),
    Mistake("tags.yaml", "range: [-2, 150]", "range: [-2]", "range.1: is missing"),
    Mistake(
        "tags.yaml",
        "AT-405: {description: HCl in the room, unit: ppm, device: GD-405, point: pv, scan: trip, max_age_s: 5",
        "AT-405: {description: HCl in the room, unit: ppm, device: GD-405, point: pv, scan: trip, max_age_s: 0.5",
        "less than two periods",
    ),
    Mistake(
        "tags.yaml",
        'description: "Hydrogen in the diluted duct, % of LEL", unit: "%LEL", device: "GD-10{n}", point: pv, scan: trip',
        'description: "Hydrogen in the diluted duct, % of LEL", unit: "%LEL", device: "GD-10{n}", point: pv, scan: fast',
        "'fast' (1 s): what a trip looks at (R-101.hydrogen_high) is scanned at the trip rate, allowed: trip",
    ),
    Mistake(
        "tags.yaml",
        'unit: "%LEL", device: "GD-10{n}", point: pv, scan: trip, max_age_s: 3',
        'unit: "%LEL", device: "GD-10{n}", point: pv, scan: trip, max_age_s: 30',
        "30 s is above the process safety time of trip R-101.hydrogen_high (3 s)",
    ),
    Mistake("tags.yaml", "unit: kg, device: IO-100,", "unit: kg, invert: true, device: IO-100,", "only a bit is inverted"),
    Mistake("tags.yaml", "unit: kg, device: IO-100,", "unit: kg, states: {0: empty}, device: IO-100,", "states belong to a switch"),
    Mistake(
        "tags.yaml",
        "scan: trip, max_age_s: 3, states: {0: lost",
        "scan: often, max_age_s: 3, states: {0: lost",
        "'often', allowed: trip, fast, slow",
    ),
    Mistake("tags.yaml", 'internal: "batch.R-10{n}.active"', 'internal: "batch.R-10{n}.activ"', "unknown figure of a batch 'activ'"),
    Mistake("tags.yaml", 'internal: "loop.TIC-10{n}1.ramped"', 'internal: "loop.TIC-19{n}1.ramped"', "unknown loop 'TIC-1911'"),
    Mistake(
        "tags.yaml",
        'internal: "loop.TIC-10{n}1.ramped"',
        'internal: "lop.TIC-10{n}1.ramped"',
        "'lop.TIC-1011.ramped', allowed: loop.<loop>.sp",
    ),
    Mistake(
        "tags.yaml",
        "  FIT-402: {",
        "  acid_overdose_1: {description: Nothing, internal: batch.R-101.active}\n  FIT-402: {",
        "is already a site parameter",
        "  acid_overdose_1",
    ),
    Mistake(
        "tags.yaml",
        "  FIT-402: {",
        "  9FIT: {description: Nothing, internal: batch.R-101.active}\n  FIT-402: {",
        "cannot be written in a condition",
        "  9FIT",
    ),
    Mistake(
        "tags.yaml", "TT-10{n}1A: {each: {n: [1, 2, 3]}, ", "TT-10{n}1A: {", "placeholder {n} without 'each", "  TT-10{n}1A: {description"
    ),
    Mistake("tags.yaml", "TT-10{n}3: {each: {n: [1, 2, 3]}", "TT-10{n}3: {each: {n: [1, 2, 3], m: [1, 2]}", "{m} is not in the name"),
]

OUTPUTS = [
    Mistake(
        "tags.yaml",
        "max_age_s: 3, states: {0: closed, 1: open}, output: {safe: 0, comm_loss: zero, readback: ZSO-3011, settle_s: 3}",
        "max_age_s: 3, states: {0: closed, 1: open}, output: {safe: 0, readback: ZSO-3011, settle_s: 3}",
        "tags.XV-301.output.comm_loss: is missing",
    ),
    Mistake(
        "tags.yaml",
        "max_age_s: 3, states: {0: closed, 1: open}, output: {safe: 0, comm_loss: zero, readback: ZSO-3011, settle_s: 3}",
        "max_age_s: 3, states: {0: closed, 1: open}, output: {comm_loss: zero, readback: ZSO-3011, settle_s: 3}",
        "tags.XV-301.output.safe: is missing",
    ),
    Mistake(
        "tags.yaml",
        "max_age_s: 3, states: {0: closed, 1: open}, output: {safe: 0, comm_loss: zero, readback: ZSO-3011, settle_s: 3}",
        "max_age_s: 3, states: {0: closed, 1: open}, output: {safe: 2, comm_loss: zero, readback: ZSO-3011, settle_s: 3}",
        "2 1 outside 0..1",
    ),
    Mistake(
        "tags.yaml",
        "device: IO-300, point: do_5_0, scan: trip, max_age_s: 3, states: {0: stop, 1: run}, output: {safe: 1",
        "device: IO-300, point: do_5_0, scan: trip, max_age_s: 3, states: {0: stop, 1: run}, output: {safe: 0",
        "0.0; safe for role 'recirculation_run' of C-301 is 1",
    ),
    Mistake(
        "tags.yaml",
        "output: {safe: hold, comm_loss: hold, settle_s: 40}",
        "output: {safe: hold, comm_loss: zero, settle_s: 40}",
        "'zero', but IO-200 does 'hold' on do_5_0",
    ),
    Mistake(
        "tags.yaml",
        "output: {safe: hold, comm_loss: hold, settle_s: 40}",
        "output: {safe: hold, comm_loss: zero, watchdog_relay: XV-301}",
        "'zero' is weaker than role 'close' of FP-201",
    ),
    Mistake(
        "devices.yaml",
        "comm_loss: {run: hold, speed_sp: hold}, description: Fan drive",
        "comm_loss: {run: hold}, description: Fan drive",
        "'hold', but M-301 does 'zero' on speed_sp",
        "  SY-301",
        "tags.yaml",
    ),
    Mistake("tags.yaml", "readback: XI-101,", "readback: XI-109,", "unknown tag 'XI-109'"),
    Mistake("tags.yaml", "readback: XI-101,", "readback: XS-301,", "an echo proves nothing"),
    Mistake("tags.yaml", "readback: XI-101,", "readback: WIT-101,", "WIT-101 is in kg, the output in 1"),
    Mistake("tags.yaml", "readback: XI-101,", "readback: XI-101, local: HS-1019,", "unknown tag 'HS-1019'"),
    Mistake("tags.yaml", "readback: XI-101,", "readback: XI-101, local: WIT-101,", "WIT-101 is no switch that is read"),
    Mistake("tags.yaml", "readback: XI-101,", "readback: XI-101, watchdog_relay: XS-30,", "unknown tag 'XS-30'"),
    Mistake("tags.yaml", "readback: XI-101,", "readback: XI-101, watchdog_relay: XS-301,", "XS-301 does not drop out by itself"),
    Mistake(
        "tags.yaml",
        "device: M-100, point: speed_sp, scan: trip, max_age_s: 5, range: [0, 100]",
        "device: M-100, point: speed_sp, scan: trip, max_age_s: 5, range: [0, 130]",
        "is more than the device takes",
    ),
    Mistake(
        "tags.yaml",
        "device: M-100, point: speed_sp, scan: trip, max_age_s: 5, range: [0, 100], output: {safe: 0, comm_loss: zero, tolerance: 0.5",
        "device: M-100, point: speed_sp, scan: trip, max_age_s: 5, range: [0, 100], output: {safe: 0, comm_loss: zero, tolerance: 60",
        "no difference would ever show",
    ),
    Mistake(
        "tags.yaml",
        "Caustic to the scrubber, device: IO-300, point: do_5_1",
        "Caustic to the scrubber, device: IO-300, point: di_4_15",
        "can only be read; an output writes",
    ),
]

DERIVED = [
    Mistake("tags.yaml", "kind: total, of: FIT-201", "kind: total, of: FIT-209", "unknown tag 'FIT-209'"),
    Mistake("tags.yaml", "kind: total, of: FIT-201", "kind: total, of: FQI-201", "is made from itself"),
    Mistake("tags.yaml", "kind: total, of: FIT-201", "kind: total, of: FIT-201, reset: R-109", "R-109"),
    Mistake(
        "tags.yaml", "unit: L, kind: total, of: FIT-201", "unit: kg, kind: total, of: FIT-201", "the total of FIT-201 (m3/h) stands in m3"
    ),
    Mistake("tags.yaml", "unit: K/min, kind: rate", "unit: degC, kind: rate", "per minute", "  TR-10{n}1"),
    Mistake(
        "tags.yaml",
        "/ 100 %LEL * 0.04",
        "/ 100 * 0.04",
        "derived.HY-1011.unit: 'L/min'",
        "  HY-10{n}1",
    ),
    Mistake("tags.yaml", "(FIT-301 + tank_gas_m3_h)", "(FIT-301 + tank_gass_m3_h)", "unknown name 'tank_gass_m3_h'"),
    Mistake("tags.yaml", "/ 100 %LEL * 0.04", "/ (100 %LEL * 0.04", "cannot read condition"),
]

UNITS = [
    Mistake("units.yaml", "class: solids_feeder", "class: solid_feeder", "unknown equipment class 'solid_feeder'"),
    Mistake("units.yaml", "feeder: SC-101", "feeder: SC-109", "unknown unit 'SC-109'"),
    Mistake("units.yaml", "loops: {speed: SIC-101}", "loops: {speed: SIC-100}", "unknown loop 'SIC-100'"),
    Mistake("units.yaml", "loops: {speed: SIC-101}", "loops: {speed: SIC-301}", "loop SIC-301 belongs to C-301"),
    Mistake(
        "units.yaml",
        "      turbidity: AIT-201\n",
        "      turbidity: AIT-201\n      clarity: FIT-311\n",
        "unknown role of filter_press 'clarity'",
        "clarity:",
    ),
    Mistake("units.yaml", "turbidity: AIT-201", "turbidity: AIT-209", "unknown tag 'AIT-209'"),
    Mistake("units.yaml", "fan_speed: ST-301", "fan_speed: SY-211", "output, the role is measured"),
    Mistake("units.yaml", "fan_speed: ST-301", "fan_speed: PIT-311", "(pressure), the role needs rotation or fraction"),
    Mistake("units.yaml", "vent_air: FIT-402", "vent_air: FIT-311", "tag FIT-311 already plays 'cooling_flow'"),
    Mistake("units.yaml", "ph: AIT-211, pump_speed: SY-212", "ph: AIT-211, pump_speed: SY-211", "output SY-211 already belongs to TK-210"),
    Mistake("units.yaml", "      vent_air: FIT-402\n", "", "role 'vent_air' is missing", "    roles:\n      hot_supply"),
]

CAUSTIC = "    to: XV-301\n    hysteresis: 0.5\n    out_low: 0\n    out_high: 1\n    sp_low: 8.5\n    sp_high: 11\n"
LOOPS = [
    Mistake("loops.yaml", "unit_of: SC-101", "unit_of: SC-100", "unknown unit 'SC-100'"),
    Mistake("loops.yaml", "pv: FIT-202", "pv: FIT-209", "unknown tag 'FIT-209'"),
    Mistake("loops.yaml", "to: SY-202", "to: FIT-201", "FIT-201 is no output"),
    Mistake("loops.yaml", "to: SY-202", "to: SY-209", "unknown tag or loop 'SY-209'"),
    Mistake("loops.yaml", "to: SY-202", "to: SY-301", "SY-301 is already driven by loop FIC-202", "    to: SY-301\n    out_low: 20"),
    Mistake("loops.yaml", "to_low: TV-10{n}1C", "to_low: SY-14{n}", "SY-141 is already driven by loop TIC-1012", "    to: SY-14{n}"),
    Mistake("loops.yaml", "    pv: FIT-202\n", "", "a pid loop needs a pv", "  FIC-202:"),
    Mistake("loops.yaml", "    valve: XV-10{n}1\n", "", "a feed loop needs the valve", "  FIC-11{n}:"),
    Mistake("loops.yaml", "gain: 8\n    ti_s: 10\n", "gain: 0\n    ti_s: 10\n", "0 moves nothing"),
    Mistake("loops.yaml", "    hysteresis: 0.5\n", "    hysteresis: 0.5\n    gap: 0.2\n", "only for pid and dose, this is on_off", "gap"),
    Mistake("loops.yaml", "    ti_s: 10\n", "    ti_s: 10\n    linearise: curve\n", "curve, with 0 points of a curve", "linearise: curve"),
    Mistake(
        "loops.yaml", "    ti_s: 10\n", "    ti_s: 10\n    linearise: curve\n    curve: [[1, 1], [2, 1]]\n",
        "both columns rising", "    curve: [[",
    ),
    Mistake(
        "loops.yaml", "    ti_s: 10\n", "    ti_s: 10\n    forward: {pv: FIT-209, gain: 1}\n", "unknown tag 'FIT-209'", "    forward"
    ),
    Mistake(
        "loops.yaml", "    ti_s: 10\n",
        "    ti_s: 10\n    schedule: {by: FIT-202, zones: [{below: 3, factor: 1}, {below: 2, factor: 2}]}\n",
        "3, 2 does not rise", "    schedule",
    ),
    Mistake(
        "loops.yaml", "    ti_s: 10\n",
        "    ti_s: 10\n    schedule: {by: FIT-209, zones: [{below: 1, factor: 1}, {below: 2, factor: 2}]}\n",
        "unknown tag 'FIT-209'", "    schedule",
    ),
    Mistake("loops.yaml", "    ti_s: 10\n", "    ti_s: 10\n    bad_out: ramp\n", "a ramp needs out_rate_per_s", "    bad_out: ramp"),
    Mistake(
        "loops.yaml", "    kind: pid\n    unit_of: FP-201\n    pv: FIT-202\n    to: SY-202\n    gain: 8\n    ti_s: 10\n    tf_s: 1\n",
        "    kind: total\n    dosing: {fast: 200, slow: 1, slow_below: 1}\n    unit_of: FP-201\n    pv: FIT-202\n    to: SY-202\n",
        "slow 1 and fast 200 must rise inside 0..100 of its output", "    dosing",
    ),
    Mistake("loops.yaml", "    ti_s: 10\n", "    ti_s: 10\n    safe_out: 5\n", "SY-202 has a safe value of its own", "    safe_out: 5"),
    Mistake(
        "loops.yaml", "    out_low: 5\n    out_high: 90                     # hot water, not steam\n",
        "    out_low: 5\n    out_high: 90\n    safe_out: 4\n", "4 outside 5..90", "    safe_out: 4",
    ),
    Mistake(
        "loops.yaml",
        "  FIC-202:\n    description: Wash water through the press\n    kind: pid\n    unit_of: FP-201\n    pv: FIT-202\n    to: SY-202\n",
        "  UY-202:\n    kind: select\n    pick: high\n    unit_of: FP-201\n    to: SY-202\n"
        "  PIC-202:\n    kind: pid\n    unit_of: FP-201\n    pv: PIT-201\n    to: UY-202\n    ti_s: 20\n    safe_out: 100\n"
        "  FIC-202:\n    kind: pid\n    unit_of: FP-201\n    pv: FIT-202\n    to: UY-202\n",
        "safe_out is missing: UY-202 picks the greatest, and what it shall count on without FIT-202 is not out_low", "  FIC-202:",
    ),
    Mistake("loops.yaml", "    kind: direct\n    unit_of: SC-101\n", "    kind: select\n    unit_of: SC-101\n", "are 0", "  SIC-101:"),
    Mistake(
        "loops.yaml",
        "gain: 8\n    ti_s: 10\n",
        "gain: -8\n    ti_s: 10\n",
        "is negative; say action: direct",
    ),
    Mistake("loops.yaml", "ti_s: 10\n", "ti_s: 0.8\n", "less than two scans"),
    Mistake("loops.yaml", "sp_low: 8.5", "sp_low: 12", "12..11 is inverted"),
    Mistake("loops.yaml", "sp_high: 11", "sp_high: 15", "15 outside -2..14 pH of AIT-301"),
    Mistake("loops.yaml", "    out_low: 20", "    out_low: 100", "100..100 is inverted"),
    Mistake("loops.yaml", "out_high: 0.75", "out_high: 0.9", "0.9 outside 0..0.75 of FY-111"),
    Mistake("loops.yaml", "out_high: 90                     #", "out_high: 95                     #", "95 outside 5..90 of TIC-1012"),
    Mistake("loops.yaml", "full: 6, zero: 10", "full: 10, zero: 10", "full and zero are both 10"),
    Mistake("loops.yaml", "full: 75, zero: 85", "full: 75, zero: 185", "it would never stop the feed"),
    Mistake("loops.yaml", 'pv: "NY-10{n}1"', 'pv: "NY-19{n}1"', "unknown tag 'NY-1911'"),
    Mistake(
        "loops.yaml", "    to: TV-10{n}1H\n    to_low: TV-10{n}1C\n", "    to: TIC-10{n}1\n", "comes back to TIC-1011", "    to: TIC-10{n}2"
    ),
    Mistake("loops.yaml", "ti_s: 420", "ti_s: 900", "three times faster than TIC-1011"),
    Mistake("loops.yaml", "    scan: trip\n", "    scan: slow\n", "'slow' is slower than 'fast' of the outer loop TIC-1011"),
    Mistake(
        "loops.yaml",
        f"pv: AIT-301\n{CAUSTIC}    scan: slow",
        f"pv: AIT-210\n{CAUSTIC}    scan: fast",
        "'fast', but AIT-210 is polled 'slow'",
        "    scan: fast\n    source: assumed\n",
    ),
    Mistake("loops.yaml", "total: FQI-131", "total: FIT-131", "FIT-131 is in L/min, a total is a volume or a mass"),
    Mistake("loops.yaml", "    sp_rate_per_min: 0.5 ", "    #", "a holdback without sp_rate_per_min", "    holdback"),
]

MATRIX = [
    Mistake(
        "matrix.yaml",
        "cause: lel > lel_trip_pct_lel",
        "cause: lel > lel_tripp_pct_lel",
        "unknown name 'lel_tripp_pct_lel'; nearest: lel_trip_pct_lel",
    ),
    Mistake("matrix.yaml", "cause: lel > lel_trip_pct_lel", "cause: lel > 25 %", "does not go with"),
    Mistake("matrix.yaml", "cause: lel > lel_trip_pct_lel", "cause: lel >", "cannot read condition"),
    Mistake("matrix.yaml", "cause: lel > lel_trip_pct_lel", "cause: lel + 1 %LEL", "a number; a condition is needed"),
    Mistake("matrix.yaml", "cause: lel > lel_trip_pct_lel", "cause: lel_trip_pct_lel > 1 %LEL", "names no tag, so it never changes"),
    Mistake(
        "matrix.yaml",
        "cause: lel > lel_trip_pct_lel",
        "cause: lel > lel_trip_pct_lel\n    delay_s: 4",
        "longer than the process safety time of 3 s",
        "    delay_s: 4",
    ),
    Mistake("matrix.yaml", "reset: lel < 5 %LEL", "reset: lel < 5 %", "does not go with"),
    Mistake("matrix.yaml", "reset: lel < 5 %LEL", "reset: lell < 5 %LEL", "unknown name 'lell'; nearest: lel"),
    Mistake("matrix.yaml", "reset: lel < 5 %LEL and purged > 0.99", "reset: lel", "a number; a condition is needed"),
    Mistake("matrix.yaml", "reset: lel < 5 %LEL", "reset: u(lel) < 5 %LEL", "u(...) is not known where a reset is asked for"),
    Mistake(
        "matrix.yaml",
        "    permissive: true\n",
        "    permissive: true\n    reset: lel < 4 %LEL\n",
        "never latches, so nobody resets it",
        "    reset: lel < 4",
    ),
    Mistake(
        "matrix.yaml",
        "    latch: false\n",
        "    latch: false\n    reset: lel < 4 %LEL\n",
        "never latches, so nobody resets it",
        "    reset: lel < 4",
    ),
    Mistake("matrix.yaml", "effects: {pump_speed: 0}", "effects: {pump_sped: 0}", "unknown output 'pump_sped'; nearest: pump_speed"),
    Mistake("matrix.yaml", "effects: {pump_speed: 0}", "effects: {level: 0}", "level is an input; only outputs are forced"),
    Mistake("matrix.yaml", "effects: {pump_speed: 0}", "effects: {pump_speed: 150}", "150 % outside 0..100"),
    Mistake("matrix.yaml", "effects: {pump_speed: 0}", "effects: {pump_speed: 100}", "forces 100, but pump_speed is safe at 0"),
    Mistake("matrix.yaml", "effects: {pump_speed: 0}", "effects: {}", "no effect"),
    Mistake("matrix.yaml", "class: buffer_tank", "class: buffer_tnk", "unknown equipment class 'buffer_tnk'"),
    Mistake("matrix.yaml", "    unit: TK-210\n", "    unit: TK-219\n", "unknown unit 'TK-219'"),
    Mistake(
        "matrix.yaml",
        "    unit: TK-210\n    description: Filtrate buffer full\n    cause: level > 95 %\n    safety_time_s: 20\n"
        "    effects: {XV-201: 0, XV-202: 0}\n    hold: all",
        "    description: Filtrate buffer full\n    cause: LIT-210 > 95 %\n    safety_time_s: 20\n    effects: {XV-201: 0, XV-202: 0}",
        "hold: unit, but the row has no unit or class",
        "  TK-210.overflow",
    ),
    Mistake("matrix.yaml", "action: Fill day tank TK-110", 'action: ""', "the operator needs a sentence"),
    Mistake(
        "matrix.yaml",
        "    bypass: false\n    consequence: Explosive atmosphere in duct",
        "    bypass: no\n    consequence: Explosive atmosphere in duct",
        "'no' must be true or false",
    ),
    Mistake(
        "alarms.yaml",
        "    action: Lower the acid rate; check gas flow and fan speed\n",
        "",
        "alarms.R-101.lel_high.action: is missing",
        "  lel_high:",
    ),
    Mistake("alarms.yaml", "action: Check the boiler", 'action: " "', "asks for no action is an event, not an alarm"),
    *(
        Mistake("alarms.yaml", "action: Check the boiler", f"action: {said}", "asks for no action is an event, not an alarm")
        for said in ('"-"', "n/a", "None", "nothing.", "No action required", "Acknowledge", "For information only", '"TBD"', '"?"')
    ),
    Mistake("alarms.yaml", "deadband: 0.3 bar", "deadband: 0.3", "deadband: 0.3 must be text"),
    Mistake("alarms.yaml", "deadband: 0.3 bar", 'deadband: "0.3"', "'0.3' beside 'feed_pressure > 7 bar': sum: bar does not go with 1"),
    Mistake("alarms.yaml", "deadband: 0.3 bar", "deadband: 0.3 NTU", "sum: bar does not go with NTU"),
    Mistake("alarms.yaml", "deadband: 0.3 bar", "deadband: 9 bar",
            "'9 bar' beside 'feed_pressure > 7 bar': nothing within 0..10 would end it"),
    Mistake("alarms.yaml", "deadband: 0.3 bar", "deadband: 0 bar", "'0 bar'; a deadband is one number above 0"),
    Mistake("alarms.yaml", "deadband: 1 K", "deadband: 1 degC", "one is a temperature, one a difference"),
    Mistake(
        "alarms.yaml",
        "clear_when: headspace_o2 < headspace_o2_max_pct - 0.2 % or not metal",
        "deadband: 0.2 %",
        "one comparison with >, >=, < or <=; give clear_when instead",
    ),
    Mistake("alarms.yaml", "deadband: 0.3 bar", "deadband: 0.3 bar\n    clear_when: feed_pressure < 5 bar",
            "clear_when: stands beside deadband", "    clear_when: feed_pressure < 5 bar"),
    Mistake("alarms.yaml", "deadband: 0.3 bar", "clear_when: fed_pressure < 5 bar", "unknown name 'fed_pressure'; nearest: feed_pressure"),
    Mistake("alarms.yaml", "of: network\n", "of: network\n    deadband: 1 %\n", "has no meaning for a row about a network",
            "    deadband: 1 %\n"),
    Mistake("alarms.yaml", "    group: draught\n    cause: Drive tripped", "    group: draugt\n    cause: Drive tripped",
            "'C-301.draugt' has this alarm alone; the first of a group is told; nearest: draught"),
    Mistake("alarms.yaml", "phase.FILTER or phase.TO_BUFFER", "phase.FITLER or phase.TO_BUFFER",
            "unknown name 'phase.FITLER'; nearest: phase.FILTER"),
    Mistake("alarms.yaml", "phase.FILTER or phase.TO_BUFFER", "state.HELD", "unknown name 'state.HELD'"),
    Mistake("alarms.yaml", "phase.FILTER or phase.TO_BUFFER", "R-101.state.HELP", "unknown name 'R-101.state.HELP'"),
    Mistake("alarms.yaml", "cause: Boiler off", 'cause: " "', "the operator needs a sentence"),
    Mistake("alarms.yaml", "when: qc_fail", "when: qc_failed", "unknown name 'qc_failed'; nearest: qc_fail"),
    Mistake("alarms.yaml", "suppressed_when: not close", "suppressed_when: not closes", "unknown name 'closes'"),
    Mistake("alarms.yaml", "on_delay_s: 300", "on_delay_s: 4000", "is all of the 60 min"),
    Mistake(
        "alarms.yaml",
        "priority: critical\n    on_delay_s: 5\n    cause: The acid valve",
        "priority: urgent\n    on_delay_s: 5\n    cause: The acid valve",
        "'urgent', allowed: critical",
    ),
    Mistake(
        "alarms.yaml",
        "response_min: 3\n  acid_flow_missing",
        "response_min: 30\n  acid_flow_missing",
        "a critical alarm is answered within 15",
        "    response_min: 30\n  acid_flow_missing",
    ),
    Mistake("alarms.yaml", "when: skewed", "when: skew", "unknown cause of a device 'skew'"),
    Mistake("alarms.yaml", "of: link\n    when: expiring", "of: links\n    when: expiring", "'links', allowed: network, link, device"),
    Mistake("alarms.yaml", "of: device\n    when: lost", "of: device\n    where: TC-99\n    when: lost", "unknown device 'TC-99'; nearest",
            "    where: TC-99"),
    Mistake("alarms.yaml", "of: device\n    when: lost", "where: TC-101\n    when: XS-302", "of and where belong together",
            "  device_lost:"),
    Mistake("alarms.yaml", "  reagent_low:", "  reagent_lo:", "dosing_pump P-121 needs a row 'reagent_low'", "alarms:"),
]

GW_200 = "GW-200: {kind: modbus_tcp, port: 15040, window: 16, timeout_ms: 250"
GW_100 = "GW-100: {kind: modbus_tcp, port: 15030, window: 16, timeout_ms: 250"
SERIAL = 'GW-200: {kind: modbus_rtu, path: "/dev/ttyUSB0"'
SECURE = 'GW-200: {kind: modbus_tls, ca: "/e/ca.pem", certificate: "/e/gw.pem", key: "/e/gw.key"'
LINKS = [
    Mistake("devices.yaml", GW_200, "GW-200: {kind: modbus_tcp", "modbus_tcp needs port"),
    Mistake("devices.yaml", GW_200, "GW-200: {kind: modbus_rtu", "modbus_rtu needs path"),
    Mistake("devices.yaml", GW_200, "GW-200: {kind: modbus_rtu_tcp", "modbus_rtu_tcp needs port"),
    Mistake("devices.yaml", GW_200, "GW-200: {kind: modbus_tls, ca: /e/ca.pem", "modbus_tls needs certificate, key"),
    Mistake("devices.yaml", GW_200, SERIAL + ", port: 15040", "a serial port has neither host nor port"),
    Mistake("devices.yaml", GW_200, SERIAL + ", window: 16", "window means nothing to modbus_rtu, only to modbus_tcp and modbus_tls"),
    Mistake("devices.yaml", GW_200, SERIAL + ", ca: /e/ca.pem", "ca means nothing to modbus_rtu"),
    Mistake("devices.yaml", GW_200, SERIAL + ", baud: 9800", "9800, allowed: 300, 600, 1200"),
    Mistake("devices.yaml", GW_200, SERIAL + ", parity: mark", "'mark', allowed: none, even, odd"),
    Mistake("devices.yaml", GW_200, "GW-200: {kind: modbus_tcp, port: 15040, baud: 9600", "baud means nothing to modbus_tcp"),
    Mistake("devices.yaml", GW_200, "GW-200: {kind: modbus_rtu, path: ttyUSB0", "'ttyUSB0' depends on where the program is started"),
    Mistake("devices.yaml", GW_200, SECURE.replace("/e/gw.key", "gw.key"), "'gw.key' depends on where the program is started"),
    Mistake("devices.yaml", GW_200, SECURE + ", port: 15030", "127.0.0.1:15030 is already link GW-100"),
    Mistake(
        "devices.yaml",
        GW_100,
        "GW-100: {kind: modbus_rtu_tcp, port: 15030, timeout_ms: 330",
        "the watchdog of M-100 (2 s, fed every 1 s, one turn of the bus takes",
    ),
    Mistake("devices.yaml", GW_200, SERIAL + ", baud: 300, timeout_ms: 500", "bytes takes 825 ms at 300 baud"),
]

SEL, METAL = "recipes/LEACH-NDFEB-SEL.yaml", "recipes/LEACH-NDFEB-METAL.yaml"
RECIPES = [
    Mistake(SEL, "phase: BLOW", "phase: BLOWN", "unknown phase 'BLOWN'"),
    Mistake(
        SEL, "parameters: {level_max: 2, lel_max: 5}", "parameters: {level_max: 2, lel_mx: 5}", "unknown parameter of CHECK_UNIT 'lel_mx'"
    ),
    Mistake(SEL, "parameters: {level_max: 2, lel_max: 5}", "parameters: {level_max: 2, lel_max: 50}", "50 %LEL outside 0..10 %LEL"),
    Mistake(SEL, "{temperature: leach_temperature, ramp: ramp, tolerance: 1}", "{ramp: ramp, tolerance: 1}", "HEAT needs it, in degC"),
    Mistake(
        SEL,
        "{temperature: leach_temperature, ramp: ramp, tolerance: 1}",
        "{temperature: ph, ramp: ramp, tolerance: 1}",
        "pH does not go with degC",
    ),
    Mistake(
        SEL,
        "{temperature: leach_temperature, ramp: ramp, tolerance: 1}",
        "{temperature: leach_temp, ramp: ramp, tolerance: 1}",
        "unknown name 'leach_temp'; nearest: leach_temperature",
    ),
    Mistake(SEL, "water: {value: 550,", "water: {value: 750,", "750 L outside 120..600 L"),
    Mistake(
        SEL, "water: {value: 550, unit: L, low: 120, high: 600", "water: {value: 550, unit: L, low: 620, high: 600", "620..600 is inverted"
    ),
    Mistake(
        SEL,
        "water: {value: 550, unit: L, low: 120, high: 600",
        "water: {value: 550, unit: L, low: 120, high: 900",
        "120..900 L outside 20..800 L",
        "  water: {phase",
    ),
    Mistake(
        SEL,
        "acid: acid_ratio * lot.ree_amount",
        "acid: acid_ratio * lot.ree_amont",
        "unknown name 'lot.ree_amont'; nearest: lot.ree_amount",
    ),
    Mistake(SEL, "acid: acid_ratio * lot.ree_amount", "acid: acid_ratio * water", "does not go with mol", "    parameters: {amount: acid"),
    Mistake(
        SEL,
        "  age: {value: 120",
        "  rest: {value: 1, unit: h, low: 0, high: 2}\n  age: {value: 120",
        "no step and no computed value uses it",
        "  rest:",
    ),
    Mistake(
        SEL,
        "feed_states: [roasted]",
        "feed_states: [roasted, oxidised]",
        "'oxidised', allowed: metal, partly_oxidised, roasted; nearest: partly_oxidised",
    ),
    Mistake(SEL, "class: leach_tank", "class: leach_tnk", "unknown equipment class 'leach_tnk'"),
    Mistake(SEL, "timeout_min: 500", "timeout_min: 400", "400 min; max_time alone may take 480 min"),
    Mistake(
        SEL,
        "timeout_min: 30, parameters: {time: 10}}\n  drop",
        "timeout_min: 30, parallel: [dropp], parameters: {time: 10}}\n  drop",
        "unknown step 'dropp'",
        "  blow:",
    ),
    Mistake(
        SEL,
        "timeout_min: 30, parameters: {time: 10}}\n  drop",
        "timeout_min: 30, parallel: [wash], parameters: {time: 10}}\n  drop",
        "could never be reached again",
        "  blow:",
    ),
    Mistake(
        SEL,
        "  check: {phase: CHECK_UNIT, operation: Prepare, timeout_min: 30, parameters: {level_max: 2, lel_max: 5}}\n",
        "",
        "a batch begins with CHECK_UNIT",
        "  water: {phase",
    ),
    Mistake(
        SEL,
        "  cool: {phase: COOL, operation: Finish, timeout_min: 180, parameters: {temperature: oxidation_temperature}}\n",
        "  cool: {phase: HEAT, operation: Finish, timeout_min: 180, parameters: {temperature: oxidation_temperature}}\n",
        "OXIDISE without COOL before it",
        "    phase: OXIDISE",
    ),
    Mistake(
        METAL,
        "  filter: {phase",
        "  oxidise: {phase: OXIDISE, operation: Finish, timeout_min: 60, parameters: {volume_max: 1}}\n  filter: {phase",
        "OXIDISE is not for metal feed",
        "  oxidise:",
    ),
    Mistake(
        METAL,
        "  buffer: {phase: TO_BUFFER, operation: Transfer, timeout_min: 120, parameters: {level_end: 1}}\n",
        "",
        "SAMPLE is last; a batch ends with TO_BUFFER, which measures what came out and what stays",
        "  filtrate: {phase",
    ),
    Mistake(METAL, "recipe: LEACH-NDFEB-METAL", "recipe: LEACH-METAL", "name and file must agree"),
    Mistake(METAL, 'version: "1.0"', "version: 1.0", "1.0 must be text"),
]

RECIPES.append(
    Mistake(
        SEL, "+ 0.2 L", "+ 200 L", "recipe LEACH-NDFEB-SEL cannot take it: oxidise.volume_max", "lot: DNAL", "lots/DNAL-2026-0147.yaml"
    ),
)

ROASTED, SWARF = "lots/DNAL-2026-0147.yaml", "lots/DNAL-2026-0152.yaml"
LOTS = [
    Mistake(ROASTED, "feed_state: roasted\n", "", "feed_state: is missing", "lot:"),
    Mistake(ROASTED, "fraction: 0.47506", "fraction: 0.87506", "more than the lot", "assay:"),
    Mistake(ROASTED, "fraction: 0.47506", "fraction: 0.65506", "no room for the oxygen", "assay:"),
    Mistake(ROASTED, "fraction: 0.47506", "fraction: 47.5", "must be less than or equal to 1"),
    Mistake(
        ROASTED,
        '  Tb: {fraction: 0.001453, u_rel: 0.015, method: "ICP-OES after fusion"}\n',
        "",
        "no Tb; not found is a fraction of 0",
        "assay:",
    ),
    Mistake(ROASTED, "  Cu: {fraction", "  Xx: {fraction", "unknown element 'Xx'"),
    Mistake(ROASTED, "moisture: 0.012", "moisture: 1.2", "must be less than 1"),
    Mistake(ROASTED, "moisture: 0.012", "moisture: 0.5", "is slurry, not swarf"),
    Mistake(ROASTED, "moisture_u: 0.003", "moisture_u: 0.3", "is absolute, and more than the moisture itself"),
    Mistake(ROASTED, "mass_kg: 83.6", "mass_kg: 0", "must be greater than 0"),
    Mistake(ROASTED, "{mining: unknown, ", "{", "no mining; say unknown", "origin: {"),
    Mistake(ROASTED, "{mining: unknown, ", "{mining: unknown, melting: KR, ", "unknown stage of origin 'melting'"),
    Mistake(
        ROASTED,
        "waste_origin: pre_consumer",
        "waste_origin: pre-consumer",
        "'pre-consumer', allowed: pre_consumer, post_consumer; nearest: pre_consumer",
    ),
    Mistake(SWARF, "fraction: 0.654", "fraction: 0.2", "is it roasted?", "assay:"),
]

SIMULATION = [
    Mistake("simulation.yaml", "    WIT-101: {", "    WIT-109: {variable: W-101.weight_kg}\n    WIT-101: {", "unknown tag 'WIT-109'"),
    Mistake(
        "simulation.yaml", "    FIT-402: {variable: VENT.air_m3_h, kind: magnetic_flow}\n", "", "input FIT-402 sees nothing", "  senses:"
    ),
    Mistake("simulation.yaml", "    XA-401: SITE.evacuation_cmd", "    # nothing", "output XA-401 moves nothing", "  actuators:"),
    Mistake("simulation.yaml", "    XA-401: SITE.evacuation_cmd", "    XA-401: C-301.caustic_valve_cmd", "is already moved by XV-301"),
    Mistake(
        "simulation.yaml",
        "    FIT-402: {variable",
        "    XV-301: {variable: VENT.air_m3_h}\n    FIT-402: {variable",
        "XV-301 is an output",
        "    XV-301: {",
    ),
    Mistake("simulation.yaml", "M-101: 400, ", "", "drive M-101 has no shaft speed at 100 %", "  full_rpm:"),
    Mistake("simulation.yaml", "M-101: 400, ", "M-101: 0, ", "0 rpm, must be greater than 0"),
    Mistake("simulation.yaml", "{M-100: 2900", "{M-109: 400, M-100: 2900", "unknown device 'M-109'"),
    Mistake("simulation.yaml", "{M-100: 2900", "{LC-101: 400, M-100: 2900", "LC-101 is no drive; drives are abb_acs580, grundfos_cim"),
    Mistake("simulation.yaml", "Dy: 0.0179,", "Dy: 0.0279,", "more than 4 standard uncertainties from the assay"),
    Mistake("simulation.yaml", "{Nd: 0.2265,", "{Xx: 0.2265,", "unknown assayed element 'Xx'"),
    Mistake(
        "simulation.yaml",
        "    DNAL-2026-0152: {Nd",
        "    DNAL-2026-0159: {Nd: 0.2}\n    DNAL-2026-0152: {Nd",
        "unknown lot 'DNAL-2026-0159'",
    ),
]

FITNESS = [
    Mistake("checks.yaml", "    of: ph\n", "    of: pH\n", "checks.R-101.ph.of: unknown role or tag 'pH'; nearest: ph"),
    Mistake("checks.yaml", "    of: ph\n", "    of: temperature\n", "TT-1011A is in degC; a ph check is of a tag in pH"),
    Mistake("checks.yaml", "    of: ph\n", "    of: accumulation\n", "is computed: check the instruments it is made from"),
    Mistake("checks.yaml", "    of: AE-501", "    of: AE-510", "unknown device 'AE-510'; nearest: AE-501"),
    Mistake("checks.yaml", "    of: hydrogen_high", "    of: hydrogen_hihg", "unknown row of the matrix 'hydrogen_hihg'"),
    Mistake("checks.yaml", "    of: hydrogen_high", "    of: inerting", "R-101.inerting is permissive"),
    Mistake("checks.yaml", "kind: ph", "kind: pH", "checks.R-101.ph.kind: 'pH', allowed: ph, gas_bump"),
    Mistake("checks.yaml", "    unit: SC-101", "    unit: SC-110", "unknown unit 'SC-110'; nearest: SC-101"),
    Mistake("checks.yaml", "    unit: SC-101\n", "", "a unit or a class is needed", "  hopper_scale:"),
    Mistake("checks.yaml", "    warn_d: 1\n", "    warn_d: 7.0\n", "7 d is all of the interval of 7 d"),
    Mistake("checks.yaml", "{t90_s: [0, 40]}", "{t90: [0, 40]}", "unknown figure of a gas_bump check 't90', allowed:"),
    Mistake("checks.yaml", "{t90_s: [0, 40]}", "{t90_s: [40, 0]}", "40..0 is inverted"),
    Mistake("checks.yaml", "    elements: [Nd, Pr, Dy, Tb, Fe]\n", "", "elements of the control sample are missing", "  control_sample:"),
    Mistake("checks.yaml", "feeds: [metal,", "feeds: [mettal,", "'mettal', allowed: metal, partly_oxidised, roasted; nearest: metal"),
    Mistake("checks.yaml", "blocks: nothing", "blocks: noting", "'noting', allowed: start, nothing; nearest: nothing"),
    Mistake("tags.yaml", "internal: checks.SITE.overdue", "internal: checks.SITE.overdew", "unknown figure of checks 'overdew', allowed:"),
]  # fmt: skip

DOUBTS = [
    Mistake("tags.yaml", 'u: "AY-10{n}2"', 'u: "AY-10{n}9"', "tags.AY-1011.u: unknown tag 'AY-1019'"),
    Mistake("tags.yaml", 'u: "AY-10{n}2"', 'u: "AY-10{n}4"', "AY-1014 is in min; the uncertainty of AY-1011 stands in g/L"),
    Mistake("tags.yaml", "description: Acid pump run, ", "description: Acid pump run, u_rel: 0.1, ", "it has no uncertainty"),
    Mistake("tags.yaml", "u: 0.7}", "u: -0.7}", "must be greater than or equal to 0"),
    Mistake("tags.yaml", 'u: "3 g/L * (AY', 'u: "3 kg * (AY', "derived.CY-1011.u: '3 kg * (AY-1014 / 60 min)'"),
    Mistake("tags.yaml", "exp(-2.302585 * (AIT-10{n}2 / 1 pH))", "exp(-2.302585 * AIT-10{n}2)", "exp: "),
    Mistake("tags.yaml", "of: \"u(HY-10{n}4)\"", "of: \"u(hydrogen_heat_1)\"", "u takes a tag, not a figure"),
    Mistake("site.yaml", "    tank_gas_m3_h: 5", "    tank_gass_m3_h: 5", "unknown site parameter 'tank_gass_m3_h'"),
]  # fmt: skip

EVERY = [*SITE, *DEVICES, *LINKS, *TAGS, *OUTPUTS, *DERIVED, *UNITS, *LOOPS, *MATRIX, *RECIPES, *LOTS, *SIMULATION, *FITNESS, *DOUBTS]


def _line(text: str, mark: str) -> int:
    assert mark in text, mark
    return text[: text.index(mark)].count("\n") + 1


@pytest.mark.parametrize("mistake", EVERY, ids=lambda m: f"{m.file}: {m.says[:48]}")
def test_one_mistake_is_one_fault_at_its_line(mistake: Mistake, plant: Path, faults_of: Callable[[Path], list[Fault]]):
    path = plant / mistake.file
    text = path.read_text()
    assert mistake.old in text
    path.write_text(text.replace(mistake.old, mistake.new, 1))
    faults = faults_of(plant)
    assert [str(fault) for fault in faults if mistake.says not in str(fault)] == []
    assert len(faults) == 1
    there = mistake.where or mistake.file
    assert str(faults[0]).startswith(f"config/{there}:{_line((plant / there).read_text(), mistake.at or mistake.new)}: ")


def test_a_trip_rate_too_slow_for_a_safety_time_is_told_for_every_tag(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    path = plant / "site.yaml"
    path.write_text(path.read_text().replace("trip_s: 0.5, fast_s: 1.0", "trip_s: 1.0, fast_s: 1.0"))
    told = [str(fault) for fault in faults_of(plant)]
    says = "AIT-1017.scan: 'trip' (1 s) is too slow for trip R-101.hydrogen_high: a quarter of its safety time is 0.75 s"
    assert any(says in it for it in told)
    assert all("is too slow for trip" in it for it in told)
