"""lagan opcua: approving certificates, and looking at a server that demands a secured channel."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.links.pki import Pki, file_name
from simulators.serve_opcua import OpcUaServer, Secured
from tests.gateway.links.papers import NOW, certificate, pair
from tests.gateway.links.test_opcua import Plant, free_port


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A simulated analyser behind Basic256Sha256: its URL and the folder of its certificates."""
    folder, port, up = tmp_path_factory.mktemp("icp"), free_port(), threading.Event()
    loop = asyncio.new_event_loop()
    plant = Plant()
    server = OpcUaServer(plant.device, lambda: plant.mono, port=port, secured=Secured("Basic256Sha256", "SignAndEncrypt", folder))

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.start())
        up.set()
        loop.run_forever()
        loop.run_until_complete(server.stop())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert up.wait(30)
    yield server.url, folder
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)


@pytest.fixture(scope="module")
def known(served: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose gateway and server have approved one another."""
    data = tmp_path_factory.mktemp("data")
    _, folder = served
    url = served[0]
    assert main(["opcua", "read", url, "i=2259", "--policy", "Basic256Sha256", "--data", str(data)]) == 1
    assert main(["opcua", "trust", "add", "simulated", "--data", str(data)]) == 0
    assert main(["opcua", "read", url, "i=2259", "--policy", "Basic256Sha256", "--data", str(data)]) == 1
    for path in (folder / "rejected").iterdir():
        path.rename(folder / "trusted" / path.name)
    return data


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    capsys.readouterr()
    code = main(["opcua", *arguments])
    out, errors = capsys.readouterr()
    return code, out, errors


def test_a_certificate_is_listed_added_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pki, server = Pki(tmp_path / "pki"), certificate(pair("analyser"))
    pki.own(NOW, make=lambda now: pair("lagan"))
    pki.reject(server)
    data = ("--data", str(tmp_path))
    assert "rejected  analyser-" in asked(capsys, "trust", "list", *data)[1]
    code, out, _ = asked(capsys, "trust", "add", "analyser", *data)
    assert (code, out) == (0, f"{file_name(server)} is trusted, from the next connection on\n")
    found = {each["where"]: each for each in json.loads(asked(capsys, "trust", "list", "--json", *data)[1])}
    assert found.keys() == {"own", "trusted"}
    assert found["trusted"]["hosts"] == ["localhost", "127.0.0.1"]
    assert asked(capsys, "trust", "remove", "analyser", *data)[0] == 0
    assert pki.trust().certificates == []


def test_what_is_not_clear_is_asked_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, _, errors = asked(capsys, "trust", "add", "nobody", "--data", str(tmp_path))
    assert code == 1
    assert errors.startswith("lagan opcua trust: 'nobody' means 0 certificates in")


def test_a_stranger_is_refused_and_told_how_to_approve_it(served: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, errors = asked(capsys, "read", served[0], "i=2259", "--policy", "Basic256Sha256", "--data", str(tmp_path))
    assert (code, out) == (1, "")
    assert "unknown: neither it nor its issuer is trusted; kept as pki/rejected/simulated_analyser-" in errors


def test_nodes_are_browsed_read_and_subscribed_to(served: tuple[str, Path], known: Path, capsys: pytest.CaptureFixture[str]):
    common = ("--policy", "Basic256Sha256", "--data", str(known))
    where = "/DeviceSet/ICP/FunctionalUnitSet/OES/FunctionalUnitState"
    assert "FunctionalUnitSet" in asked(capsys, "browse", served[0], "/DeviceSet/ICP", *common)[1]
    found = json.loads(asked(capsys, "browse", served[0], where, "--json", *common)[1])
    node = next(each["node"] for each in found if each["name"].endswith(":CurrentState"))
    for name in (node, f"{where}/CurrentState"):
        (told,) = json.loads(asked(capsys, "read", served[0], name, "--json", *common)[1])
        assert (told["value"], told["type"], told["status"]) == ("Stopped", "LocalizedText", "Good")
    code, out, _ = asked(capsys, "subscribe", served[0], node, "--count", "1", *common)
    assert (code, "Stopped" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("read", "URL", "/DeviceSet/Nothing"), 1, "'Nothing' means 0 nodes; there:"),
        (("read", "URL", "nsu=urn:none;s=X"), 1, "the server has no namespace urn:none; it has"),
        (("read", "URL", "nonsense"), 1, "'nonsense' is no node"),
        (("read", "opc.tcp://:1", "i=1"), 2, "is no opc.tcp://HOST[:PORT]"),
        (("read", "nobody", "i=1"), 2, "neither opc.tcp://HOST:PORT nor an OPC UA device"),
        (("read", "GD-405", "i=1"), 2, "neither opc.tcp://HOST:PORT nor an OPC UA device"),
        (("read", "URL", "i=1", "--user", "ann"), 2, "a password on the command line is seen by everybody"),
        (("subscribe", "URL", "i=999999"), 1, "the server does not monitor i=999999"),
    ],
)
def test_what_cannot_be_meant_or_done_is_said(
    served: tuple[str, Path], known: Path, arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
):
    given = [served[0] if each == "URL" else each for each in arguments]
    found, _, errors = asked(capsys, *given, "--policy", "Basic256Sha256", "--data", str(known))
    assert found == code
    assert words in errors
