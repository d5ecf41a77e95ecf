"""Reading the folder: what is refused at the door, what a template becomes, and that nothing but faults ever comes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.checks import CHECKS
from gateway.config.describe import fault_list, summary
from gateway.config.faults import Fault
from gateway.config.loading import ConfigFaults, load
from gateway.config.models import Config
from gateway.config.yaml_source import MAX_BYTES, parse
from gateway.paths import belfast_config


@pytest.fixture(scope="module")
def belfast() -> Config:
    return load(belfast_config())


def test_the_belfast_line_loads_whole(belfast: Config):
    counts = summary(belfast)
    assert counts["tags"] >= 120
    assert counts["interlocks"] >= 100
    assert counts["recipes"] == counts["lots"] == 2
    assert len(belfast.digest) == 64


def test_a_lot_that_stands_elsewhere_is_read_beside_those_of_the_configuration(tmp_path: Path):
    text = (belfast_config() / "lots" / "DNAL-2026-0147.yaml").read_text()
    lot = tmp_path / "TRIAL-7.yaml"
    lot.write_text(text.replace("lot: DNAL-2026-0147", "lot: TRIAL-7"))
    found = load(belfast_config(), lots=[lot])
    assert set(found.lots) == {"DNAL-2026-0147", "DNAL-2026-0152", "TRIAL-7"}
    assert found.digest != load(belfast_config()).digest


def test_a_lot_that_stands_elsewhere_is_judged_like_any_other_by_its_own_path(tmp_path: Path):
    text = (belfast_config() / "lots" / "DNAL-2026-0147.yaml").read_text()
    lot = tmp_path / "DNAL-2026-0147.yaml"
    lot.write_text(text.replace("moisture: 0.012", "moisture: 1.2"))
    with pytest.raises(ConfigFaults) as told:
        load(belfast_config(), lots=[lot, tmp_path / "nothing.yaml"])
    said = [str(fault) for fault in told.value.faults]
    assert any(line.startswith(f"{lot}:") and "a second 'DNAL-2026-0147'" in line for line in said)
    assert any(line.startswith(f"{tmp_path / 'nothing.yaml'}:") for line in said)


def test_every_value_knows_its_line(belfast: Config):
    assert belfast.source["tags.TT-1021A.unit"] == belfast.source["tags.TT-1011A.unit"]
    file, line = belfast.source["interlocks.R-102.hydrogen_high.cause"].split(":")
    text = (belfast_config() / Path(file).name).read_text().splitlines()
    assert text[int(line) - 1].strip() == "cause: lel > lel_trip_pct_lel"


def test_a_template_becomes_one_tag_for_each_tank(belfast: Config):
    assert [belfast.tags[f"TT-10{n}1A"].device for n in (1, 2, 3)] == ["TC-101", "TC-102", "TC-103"]
    assert [belfast.links[f"GW-10{n}"].port for n in (1, 2, 3)] == [15011, 15012, 15013]
    assert [belfast.units[f"R-10{n}"].number for n in (1, 2, 3)] == [1, 2, 3]


def test_a_class_row_stands_at_every_unit_of_its_class(belfast: Config):
    assert {name.split(".")[0] for name in belfast.interlocks if name.endswith(".level_high")} == {"R-101", "R-102", "R-103"}
    assert belfast.interlocks["R-103.level_high"].unit == "R-103"


def test_the_same_files_have_the_same_digest_and_others_another(belfast: Config, plant: Path):
    assert load(plant).digest == belfast.digest
    site = plant / "site.yaml"
    site.write_text(site.read_text() + "# a remark\n")
    assert load(plant).digest != belfast.digest


def test_all_faults_of_all_files_come_at_once(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    for name, old, new in (
        ("site.yaml", "bypass_max_h: 8", "bypass_max_h: 80"),
        ("loops.yaml", "gain: 8", "gain: 0"),
        ("tags.yaml", "range: [-2, 150]", "range: [150, -2]"),
    ):
        path = plant / name
        path.write_text(path.read_text().replace(old, new))
    assert {Path(fault.place.file).name for fault in faults_of(plant)} >= {"site.yaml", "tags.yaml", "loops.yaml"}


def test_a_fault_of_a_template_is_told_once(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    path = plant / "tags.yaml"
    path.write_text(path.read_text().replace("description: Slurry density, unit: kg/m3", "description: Slurry density, unit: kg/m4"))
    [fault] = faults_of(plant)
    assert fault.more == 2
    assert fault.nearest == "kg/m3"
    assert fault_list([fault])[0]["path"] == "tags.DIT-1014.unit"


@pytest.mark.parametrize(("name", "text", "says"), [
    ("site.yaml", "site: {name: [1, 2}", "not YAML"),
    ("site.yaml", "site: &a {name: x}\n", "anchor &a"),
    ("site.yaml", "site: {name: *a}\n", "alias *a"),
    ("site.yaml", "site: {name: !!python/object:os.system x}\n", "tag"),
    ("site.yaml", "site: {}\n---\nsite: {}\n", "a second document"),
    ("site.yaml", "site: " + "[" * 60, "nested deeper than 20"),
    ("site.yaml", "site:\n\tname: x\n", "not YAML"),
    ("site.yaml", "", "a mapping of keys and values is needed"),
    ("site.yaml", "- 1\n", "a mapping of keys and values is needed"),
    ("site.yaml", "sites: {}\n", "unknown section 'sites'"),
    ("tags.yaml", "tags: []\n", "must be a mapping of names"),
    ("tagz.yaml", "tags: {}\n", "this file is not read"),
    ("site.yaml", "#" * (MAX_BYTES + 1), "bytes, at most"),
])  # fmt: skip
def test_what_is_no_plant_is_refused_at_its_line(name: str, text: str, says: str, plant: Path, faults_of: Callable[[Path], list[Fault]]):
    (plant / name).write_text(text)
    assert any(says in str(fault) and fault.place.file.endswith(name) for fault in faults_of(plant))


def test_a_missing_file_is_named(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    (plant / "matrix.yaml").unlink()
    assert [str(fault) for fault in faults_of(plant)] == ["config/matrix.yaml:1: cannot be read: No such file or directory"]


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path):
    with pytest.raises(ConfigFaults, match="is not a folder"):
        load(tmp_path / "nowhere")


def test_bytes_that_are_no_text_are_a_fault(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    (plant / "site.yaml").write_bytes(b"site: \xff\xfe")
    assert "not UTF-8" in str(faults_of(plant)[0])


def test_a_quoted_word_stays_text_and_yes_is_no_truth():
    tree, faults = parse("{a: '1', b: yes, c: true, d: 1e3, e: 012, f: null, g: 0x10}", "x")
    assert faults == []
    assert [value.value for _, value in tree.items] == ["1", "yes", True, 1000.0, "012", None, "0x10"]  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "bad"), [("senses", "R-101.warmth_c"), ("actuators", "R-101.warmth_cmd")])
def test_a_variable_the_world_does_not_have_is_a_fault_when_the_world_is_at_hand(name: str, bad: str, plant: Path, belfast: Config):
    simulation = belfast.simulation
    variables = {sense.variable for sense in simulation.senses.values()} | set(simulation.actuators.values())
    load(plant, variables)
    known = next(iter(simulation.senses.values())).variable if name == "senses" else simulation.actuators["XA-401"]
    with pytest.raises(ConfigFaults, match="unknown variable"):
        load(plant, variables - {known})
    assert bad not in variables


# --- whatever stands in the files, only faults come out ---------------------------------------------------------------
FILES = sorted(path.relative_to(belfast_config()).as_posix() for path in belfast_config().rglob("*.yaml"))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20).map(str), st.floats(allow_nan=True).map(str), st.text(max_size=12),
    st.sampled_from(["", "[]", "{}", "[1, 2]", "{a: 1}", "TT-1011A", "R-101", "{n}", "=1+{n}", "=9*9", "level"]),
    st.sampled_from(["and and", "1 bar", "((", "~", "'", "*x", "&x", "- - -"]),
)  # fmt: skip


@given(file=st.sampled_from(FILES), where=st.integers(0, 10**6), value=VALUES, at_key=st.booleans())
@settings(max_examples=60)
def test_no_change_of_a_line_breaks_anything_but_the_plant(
    file: str, where: int, value: object, at_key: bool, tmp_path_factory: pytest.TempPathFactory, faults_of: Callable[[Path], list[Fault]]
):
    folder = _spoiled(tmp_path_factory.mktemp("fuzz") / "config", file, where, value, at_key)
    assert all(str(fault) for fault in faults_of(folder))


def _spoiled(folder: Path, file: str, where: int, value: object, at_key: bool) -> Path:
    """The Belfast files with the key or the value of one line replaced."""
    folder.mkdir()
    for name in FILES:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        text = (belfast_config() / name).read_text()
        target.write_text(_change(text, where, value, at_key) if name == file else text, errors="surrogateescape", newline="")
    return folder


def _change(text: str, where: int, value: object, at_key: bool) -> str:
    lines = text.splitlines()
    rows = [i for i, line in enumerate(lines) if ":" in line and not line.lstrip().startswith("#")]
    i = rows[where % len(rows)]
    key, _, rest = lines[i].partition(":")
    lines[i] = f"{' ' * (len(key) - len(key.lstrip()))}{value}:{rest}" if at_key else f"{key}: {value}"
    return "\n".join(lines).encode("utf-8", "replace").decode()


def test_every_check_is_a_sentence():
    assert [check.__name__ for check in CHECKS if not (check.__doc__ or "").strip().endswith(".")] == []
