"""An instrument described in YAML or CSV is as good a citizen as one with a Python profile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devices.instruments import PROFILES
from devices.profile import Profile
from gateway.config.faults import Fault
from gateway.config.instrument import Instrument, profile_of, profile_yaml
from gateway.config.loading import load
from gateway.config.register_list import COLUMNS
from gateway.config.shape import plain
from gateway.config.yaml_source import parse
from gateway.records.store import MemoryJournal
from simulators.rehearsal import Rehearsal

MODBUS = sorted(name for name, profile in PROFILES.items() if profile.protocol == "modbus")
OURS = """
instrument: our_ph
maker: Acme
model: pH 4
source: Acme manual 4711, edition 3
base: 1
points:
  ph:
    table: input
    address: 1
    kind: float32
    unit: pH
    low: -2
    high: 16
    statuses: [{point: ph_status, quality: BadSensorFailure, unless: [0], meaning: not healthy}]
  ph_status: {table: input, address: 3}
"""
LIST = "name;table;address;kind;unit;low;high;note\nph;input;1;float32;pH;-2;16;measured\nph_status;input;0x3;;;;;\n"


@pytest.fixture
def described(plant: Path) -> Path:
    """The Belfast line with TK-211's pH on an instrument of our own."""
    folder = plant / "instruments"
    folder.mkdir()
    (folder / "our_ph.yaml").write_text(OURS)
    devices = plant / "devices.yaml"
    devices.write_text(devices.read_text().replace("AC-211: {profile: liquiline_cm44x", "AC-211: {profile: our_ph"))
    return plant


def read_back(text: str) -> Profile:
    tree, faults = parse(text, "x.yaml")
    assert faults == []
    assert tree is not None
    return profile_of(Instrument.model_validate(plain(tree, (), tree.place, {}), strict=True))


@pytest.mark.parametrize("name", MODBUS)
def test_every_modbus_profile_can_be_written_as_a_description_and_is_the_same_when_read(name: str):
    assert read_back(profile_yaml(PROFILES[name])) == PROFILES[name]


def test_registers_counted_from_one_are_found_where_the_wire_counts_from_zero():
    profile = read_back(OURS)
    assert [(point.name, point.address) for point in profile.points] == [("ph", 0), ("ph_status", 2)]


def test_a_described_instrument_is_read_scaled_judged_and_simulated_like_any_other(described: Path):
    rehearsal = Rehearsal(load(described), MemoryJournal())
    rehearsal.run(30)
    image = rehearsal.plant.image
    i = image.index["AIT-211"]
    assert image.quality[i] == 0
    assert image.value[i] == pytest.approx(7.0, abs=0.1)
    rehearsal.line.banks["AC-211"].set("ph_status", 2)
    rehearsal.run(10)
    assert image.quality[i] & 0x80000000


def test_points_may_stand_in_a_register_list(described: Path):
    (described / "instruments" / "our_ph.csv").write_text(LIST)
    (described / "instruments" / "our_ph.yaml").write_text(OURS[: OURS.index("points:")] + "registers: our_ph.csv\n")
    before = load(described)
    points = before.profiles["our_ph"].points
    assert [(p.name, p.address, p.kind.value, p.unit, p.low) for p in points] == [
        ("ph", 0, "float32", "pH", -2.0), ("ph_status", 2, "uint16", "1", None),
    ]  # fmt: skip
    (described / "instruments" / "our_ph.csv").write_text(LIST.replace("measured", "as measured"))
    assert load(described).digest != before.digest


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_list_separates_as_its_header_does_and_knows_every_key_of_a_point(described: Path, separator: str):
    row = {"name": "x", "table": "holding", "address": "0x10", "kind": "ascii", "length": "4", "access": "rw", "cyclic": "false"}
    lines = [separator.join(COLUMNS), separator.join(row.get(column, "") for column in COLUMNS), ""]
    (described / "instruments" / "extra.csv").write_text("\n".join(lines))
    (described / "instruments" / "our_ph.yaml").write_text(OURS + "registers: extra.csv\n")
    (point,) = [p for p in load(described).profiles["our_ph"].points if p.name == "x"]
    assert (point.address, point.length, point.cyclic, point.access.value) == (15, 4, False, "rw")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: float32", "kind: float", "points.ph.kind: 'float', allowed: bit, int16, uint16"),
        ("unit: pH", "unit: ph", "points.ph.unit: unknown unit 'ph'"),
        ("address: 1\n", "address: 0\n", "points.ph.address: 0, but registers are counted from 1 here"),
        ("low: -2", "low: 20", "points.ph.low: 20..16 is inverted"),
        ("point: ph_status,", "point: ph_state,", "unknown point 'ph_state', allowed: ph, ph_status; nearest: ph_status"),
        ("quality: BadSensorFailure", "quality: BadSensor", "quality: 'BadSensor'"),
        ("source: Acme manual 4711, edition 3\n", "", "instruments.our_ph.source: is missing"),
        ("{table: input, address: 3}", "{table: coil, address: 3}", "points.ph_status.kind: a coil carries a bit, not uint16"),
        ("{table: input, address: 3}", "{table: input, address: 3, access: rw}", "the input table is read only"),
        ("{table: input, address: 3}", "{table: input, address: 65536, kind: uint32}", "beyond 65535"),
        ("{table: input, address: 3}", "{table: input, address: 3, kind: float32}", "ph_status is float32; a status is a whole number"),
        ("{table: input, address: 3}", "{table: input, address: 3, adress: 4}", "unknown key 'adress'"),
        ("base: 1\n", "base: 1\nidentity: {point: serial, raw: 7}\n", "unknown point 'serial'"),
        ("base: 1\n", "base: 1\nwatchdog: {timeout_s: 3, actions: {ph: zero}}\n", "ph is only read"),
        ("base: 1\n", "base: 1\nblocks: [{table: input, address: 2, count: 1}]\n", "lies across the edge of the block"),
        ("base: 1\n", "base: 1\nregisters: ../site.yaml\n", "is no name of a file beside this one"),
        ("base: 1\n", "base: 1\nregisters: none.csv\n", "none.csv:1: cannot be read"),
        ("{table: input, address: 3}", "{table: input, address: 3, kind: bit, bit: 14, bits: 3}", "3 bits from bit 14 on are no part"),
        ("{table: input, address: 3}", "{table: input, address: 3, bits: 3}", "3 bits from no bit on are no part"),
        ("{table: input, address: 3}", "{table: input, address: 3, scaled: {point: sf}}", "unknown point 'sf', allowed: ph"),
        ("{table: input, address: 3}", "{table: input, address: 3, scaled: {point: ph}}", "ph is float32 in the input table; a scale is"),
        ("{table: input, address: 3}", "{table: input, address: 3, bit: 4}", "a uint16 has no bits"),
        ("low: -2", "low: -2\n    fail_high: 9", "9 lies inside the range that ends at 16"),
        ("base: 1\n", "base: 1\nidentity: {point: ph, raw: 7}\n", "ph is no plain whole number"),
        ("base: 1\n", "base: 1\nidentification: {0: ''}\n", "an empty text proves nothing"),
        ("{table: input, address: 3}", "{table: holding, address: 3, access: w, token: no}", "unknown point 'no'"),
        ("{table: input, address: 3}", "{table: holding, address: 3, access: w, token: t}\n  t: {table: holding, address: 5, access: rw}",
         "t is not the uint16 register right behind ph_status"),
        ("{table: input, address: 3}", "{table: holding, address: 3, access: w, token: t}\n  t: {table: holding, address: 4, access: w}",
         "t must be read and written (rw)"),
        ("{table: input, address: 3}", "{table: holding, address: 3, token: t}\n  t: {table: holding, address: 4, access: rw}",
         "only such a command has a token"),
        ("kind: float32", "kind: bit\n    bit: 1\n    scaled: {point: ph_status}", "a register scales a number that is only read"),
        ("{table: input, address: 3}", "{table: input, address: 203}\n  x: {table: input, address: 9, scaled: {point: ph_status}}",
         "lie further apart than one read reaches"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_description_is_told_with_file_line_and_what_is_allowed(
    described: Path, faults_of: Callable[[Path], list[Fault]], old: str, new: str, says: str
):
    path = described / "instruments" / "our_ph.yaml"
    assert old in OURS
    path.write_text(OURS.replace(old, new, 1))
    told = [str(fault) for fault in faults_of(described)]
    assert any(says in line and line.startswith("config/instruments/") for line in told), told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1: is empty"),
        ("name;table\nx;holding\n", "1: address: the column is missing"),
        ("name;table;adress;address\n", "1: adress: unknown column 'adress'"),
        ("name;table;address;address\n", "1: address: a second column"),
        ("name;table;address\nx;holding;one\n", "2: x: address 'one' is no whole number"),
        ("name;table;address\nx;holding;1\nx;holding;2\n", "3: x: a second 'x'"),
        ("name;table;address\n;holding;1\n", "2: a point without a name"),
        ("name;table;address;scale\nx;holding;1;1,5\n", "2: x: scale '1,5' is no number"),
        ("name;table;address;kind\nx;holding;1;real\n", "2: x.kind: 'real'"),
        ("name;table;address;cyclic\nx;holding;1;no\n", "2: x: cyclic 'no' is neither true nor false"),
        ("name;table;address\nph;input;1\n", "ph stands in our_ph.csv too"),
        ("\xff\xfe", "1: cannot be read"),
    ],
)
def test_a_mistake_in_a_register_list_is_told_with_its_line(
    described: Path, faults_of: Callable[[Path], list[Fault]], text: str, says: str
):
    (described / "instruments" / "our_ph.csv").write_bytes(text.encode("latin-1"))
    (described / "instruments" / "our_ph.yaml").write_text(OURS + "registers: our_ph.csv\n")
    told = [str(fault) for fault in faults_of(described)]
    assert any(says in line for line in told), told


def test_a_description_does_not_replace_an_instrument_that_the_program_knows(described: Path, faults_of: Callable[[Path], list[Fault]]):
    (described / "instruments" / "vegapuls_c21.yaml").write_text(OURS.replace("our_ph", "vegapuls_c21"))
    (told,) = [str(fault) for fault in faults_of(described)]
    assert "'vegapuls_c21' is an instrument that the program knows already" in told
