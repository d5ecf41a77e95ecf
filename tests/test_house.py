"""The rules of the house that neither ruff nor import-linter can see."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from gateway.paths import belfast_config
from tests.fault_page import LINKS, marked, page

HOUSE = Path(__file__).resolve().parent.parent
PACKAGES = ("devices", "gateway", "simulators")
WHOLE_PLANT = {"plant", "system", "soak", "fixtures"}
"""Folders of tests that mirror no package: they speak of the plant as a whole."""

CACHES = {"__pycache__", "node_modules", "build", "dist", "data", ".git", ".venv"}
CACHES |= {".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"}

# Written in pieces, so that this file does not find itself.
HOSTS = ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com")
INDEX_HOSTS = re.compile("|".join(map(re.escape, HOSTS)))
MACHINE_PATHS = re.compile(r"(?<![\w.*}-])/(?:" + "|".join(("ro" + "ot", "wo" + "rk")) + r")/")
UNFINISHED = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + "X|Not" + r"ImplementedError)\b")


def files_of_the_house() -> list[Path]:
    """Every file that is tracked or would be; in a tree without git, every file outside the caches."""
    if (HOUSE / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=HOUSE, capture_output=True, text=True, check=True
        )
        found = [HOUSE / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for path in HOUSE.rglob("*") if not CACHES.intersection(path.relative_to(HOUSE).parts)]
    return sorted(path for path in found if path.is_file())


def text_of(path: Path) -> str:
    """The file as text; a binary file (one with a NUL byte) reads as empty."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def lines_matching(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(HOUSE)}:{number}: {line.strip()[:120]}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (HOUSE / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_file_names_the_host_of_a_package_index():
    assert lines_matching(INDEX_HOSTS, files_of_the_house()) == []


def test_no_file_names_a_path_of_somebodys_machine():
    assert lines_matching(MACHINE_PATHS, files_of_the_house()) == []


def test_the_only_lock_is_requirements_lock():
    names = {path.name for path in files_of_the_house()}
    assert "requirements.lock" in names
    assert not names & {"uv" + ".lock", "poetry.lock", "Pipfile.lock", "pdm.lock"}


def test_every_locked_package_is_pinned_with_a_hash():
    entries = re.split(r"\n(?=[a-z0-9])", (HOUSE / "requirements.lock").read_text())
    unpinned = [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert unpinned == []


def test_every_dependency_of_the_project_is_locked():
    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()  # type: ignore[index]

    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())
    wanted = {plain(name) for name in project["project"]["dependencies"] + project["dependency-groups"]["dev"]}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (HOUSE / "requirements.lock").read_text(), flags=re.MULTILINE))
    assert wanted - locked == set()


@pytest.mark.parametrize("name", [module_name(path) for path in sources()])
def test_module_imports_cleanly(name: str, capfd: pytest.CaptureFixture[str]):
    if name.endswith("__main__"):
        return
    importlib.import_module(name)
    assert capfd.readouterr() == ("", "")


def test_every_folder_of_sources_is_a_package():
    assert sorted({str(path.parent.relative_to(HOUSE)) for path in sources() if not (path.parent / "__init__.py").exists()}) == []


def test_no_source_is_unfinished():
    assert lines_matching(UNFINISHED, sources()) == []


def imports_of(path: Path) -> set[str]:
    """Dotted names of everything the file imports, `from a import b` both as `a` and as `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def mirrored_package(test: Path) -> Path | None:
    """`tests/gateway/control/test_pid.py` and `tests/control/test_pid.py` both mirror `gateway/control`."""
    folder = test.parent.relative_to(HOUSE / "tests")
    for candidate in (HOUSE / folder, HOUSE / "gateway" / folder):
        if folder.parts and (candidate / "__init__.py").exists():
            return candidate
    return None


def mirrors_something(test: Path) -> bool:
    if test.parent.relative_to(HOUSE / "tests").parts[:1] and test.parent.relative_to(HOUSE / "tests").parts[0] in WHOLE_PLANT:
        return True
    package = mirrored_package(test)
    if package is None:
        return False
    stem = test.stem.removeprefix("test_")
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    prefix = module_name(package / "__init__.py")
    return any(stem == name or stem.startswith(f"{name}_") for name in modules) or any(
        name == prefix or name.startswith(f"{prefix}.") for name in imports_of(test)
    )


def test_every_test_file_mirrors_a_source_or_speaks_of_the_whole_plant():
    tests = [path for path in (HOUSE / "tests").rglob("test_*.py") if path != Path(__file__).resolve()]
    assert [str(path.relative_to(HOUSE)) for path in sorted(tests) if not mirrors_something(path)] == []


def test_the_decision_records_are_numbered_without_a_gap_and_listed():
    records = sorted(path.name for path in (HOUSE / "docs" / "decisions").glob("[0-9]*.md"))
    index = (HOUSE / "docs" / "README.md").read_text()
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    assert [name for name in records if name not in index] == []


def test_links_between_our_pages_lead_somewhere():
    broken = [
        f"{page.relative_to(HOUSE)}: {target}"
        for page in files_of_the_house()
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text_of(page))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_belfast_configuration_is_found_in_a_checkout():
    assert belfast_config() == HOUSE / "config"


def test_every_row_of_the_fault_catalogue_that_a_link_must_stand_is_driven():
    found = marked()
    assert [row for row in LINKS if row not in found] == []


def test_the_page_of_faults_is_what_the_marks_say():
    assert (HOUSE / "docs/reference/faults.md").read_text("utf-8") == page(), "python -m tests.fault_page > docs/reference/faults.md"
