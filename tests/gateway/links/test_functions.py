"""Function codes 22 and 23: bits written under a mask, a write that is read back in the same request; over TCP and on a bus.

The servers are pymodbus's, with its own framers.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from devices.exchange import Read, Reply, Write
from devices.instruments import PROFILES
from devices.profile import Access, Kind, Limits, Point, Profile, StatusRule, Table, Verified, Watchdog
from devices.quality import BAD_DEVICE_FAILURE, is_bad, is_good
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from gateway.links.bus_link import BusLink
from gateway.links.modbus import ModbusLink
from gateway.links.rtu import adu
from gateway.links.rtu_wire import RtuWire
from gateway.links.transport import frame_of, reply_of
from gateway.links.ways import Socket
from gateway.ticker import Clock
from simulators.bank import Bank
from simulators.serve_modbus import ModbusServers
from simulators.serve_rtu import RtuServers
from simulators.wire import Network, run
from tests.gateway.links.running import Running
from tests.gateway.links.test_rtu import asking

PORT = 15011
RW = Access.READ_WRITE
PROFILE = Profile(
    name="remote io", maker="none", model="none", protocol="modbus", source="assumed", verified=Verified.ASSUMED,
    limits=Limits(gap=0, write_functions=(5, 22, 23)),
    points=(
        Point("level", Table.INPUT, 0),
        Point("fan", Table.HOLDING, 10, Kind.BIT, bit=0, access=RW),
        Point("stage", Table.HOLDING, 10, Kind.BIT, bit=4, bits=3, access=RW),
        Point("speed", Table.HOLDING, 20, Kind.FLOAT32, access=RW, low=0.0, high=100.0),
        Point("dose", Table.HOLDING, 30, access=Access.WRITE, feedback="dosed"),
        Point("dosed", Table.HOLDING, 31),
        Point("start", Table.HOLDING, 40, access=Access.WRITE, token="start_no", feedback="started"),
        Point("start_no", Table.HOLDING, 41, access=RW),
        Point("started", Table.INPUT, 50),
    ),
)
NAMES = ("level", "fan", "stage", "speed", "dose", "start")
TAG = {name: k for k, name in enumerate(NAMES)}


class Rig:
    """One device behind a link in virtual time. ``out``: every frame that left."""

    def __init__(self, net: Network, rtu: bool, there: Profile = PROFILE, wanted: Profile = PROFILE) -> None:
        self.net, self.clock, self.bank = net, Clock(), Bank(there)
        self.image = Image(list(NAMES), [5 * SECOND] * len(NAMES))
        self.device = Conversation("IO", wanted, self.image, [Binding(point=name, tag=k) for name, k in TAG.items()])
        self.out: list[bytes] = []
        self.cable = net.cable(PORT)
        self.cable.to_server.tap = self._note
        banks = {PORT: {1: self.bank}}
        self.servers = (RtuServers if rtu else ModbusServers)(banks, lambda: self.clock.now().mono)
        rng = random.Random(1)
        self.link = (
            BusLink("BUS", Socket("127.0.0.1", PORT, RtuWire), 0.25, [self.device], gap_s=0.002, clock=self.clock.now, rng=rng) if rtu
            else ModbusLink("GW", Socket("127.0.0.1", PORT), 0.5, [self.device], clock=self.clock.now, rng=rng))

    def _note(self, data: bytes) -> bytes:
        self.out.append(data)
        return data

    async def scans(self, count: int) -> None:
        for _ in range(count):
            now = self.clock.now().mono
            self.device.beat(now)
            self.link.poke(now)
            await self.net.lapse(1.0)

    def write(self, name: str, value: float) -> None:
        now = self.clock.now().mono
        self.device.write(TAG[name], value, now, now + 10 * SECOND)
        self.link.poke(now)

    def ended(self) -> list[tuple[str, str]]:
        found = [(outcome.result, outcome.detail) for outcome in self.device.outcomes]
        self.device.outcomes.clear()
        return found


def live(scenario: Callable[[Rig], Awaitable[None]], rtu: bool, **profiles: Profile) -> None:
    async def main(net: Network) -> None:
        rig = Rig(net, rtu, **profiles)
        await rig.servers.start()
        running = Running(rig.link.run())
        await rig.scans(2)
        await scenario(rig)
        await running.end(rig.servers.stop)

    run(main, seed=1, limit_s=600.0)


@pytest.fixture(params=["tcp", "rtu"])
def rtu(request: pytest.FixtureRequest) -> bool:
    return request.param == "rtu"


def test_bits_are_written_under_a_mask_and_the_others_stay_whoever_changed_them(rtu: bool):
    async def scenario(rig: Rig) -> None:
        rig.write("fan", 1)
        await rig.scans(1)
        rig.bank.put_raw("stage", 5)            # the device's own doing, after our last reading
        rig.write("fan", 0)
        rig.write("stage", 6)
        await rig.scans(2)
        assert rig.ended() == [("accepted", "")] * 3
        assert (rig.bank.get("fan"), rig.bank.get("stage")) == (0.0, 6.0)
        assert (rig.image.value[TAG["fan"]], rig.image.value[TAG["stage"]]) == (0.0, 6.0)
        masks = [frame for frame in rig.out if frame[1 if rtu else 7] == 22]
        at = 4 if rtu else 10
        assert [frame[at:at + 4].hex() for frame in masks] == ["fffe0001", "fffe0000", "ff8f0060"]

    live(scenario, rtu)


def test_a_write_is_read_back_in_the_same_request(rtu: bool):
    async def scenario(rig: Rig) -> None:
        rig.write("speed", 42.5)
        await rig.scans(1)
        assert rig.bank.get("speed") == 42.5
        rig.write("dose", 7)                    # its feedback is another register
        await rig.scans(1)
        assert rig.ended() == [("accepted", ""), ("accepted", "")]
        assert [frame[1 if rtu else 7] for frame in rig.out].count(23) == 2
        rig.write("speed", 101.0)               # beyond what the device takes
        await rig.scans(1)
        (result, detail), = rig.ended()
        assert (result, rig.bank.get("speed")) == ("rejected", 42.5)
        assert "exception 3 on write 23" in detail

    live(scenario, rtu)


def test_a_device_that_holds_something_else_after_a_write_is_told_of(rtu: bool):
    async def scenario(rig: Rig) -> None:
        def limited(data: bytes) -> bytes:
            at = 1 if rtu else 7
            if data[at] != 23:
                return data
            head, held = data[:at + 2], b"\x41\xa0\x00\x00"         # 20.0
            return adu(head + held) if rtu else head + held

        rig.cable.to_client.tap = limited
        rig.write("speed", 42.5)
        await rig.scans(1)
        assert rig.ended() == [("accepted", "the device holds 41a0 0000 after it")]

    live(scenario, rtu)


def test_a_command_counts_its_token_up_from_what_the_device_shows(rtu: bool):
    async def scenario(rig: Rig) -> None:
        rig.bank.put_raw("start_no", 0xFFFE)
        await rig.scans(1)
        for wanted, number in ((3, 0xFFFF), (3, 0), (4, 1)):
            rig.write("start", wanted)
            await rig.scans(2)
            assert (rig.bank.raw("start"), rig.bank.raw("start_no")) == (wanted, number)
        assert rig.ended() == [("accepted", "")] * 3
        rig.bank.put_raw("start_no", 500)       # somebody else has commanded it meanwhile
        await rig.scans(1)
        rig.cable.to_client.tap = lambda data: b"" if data[1 if rtu else 7] == 23 else data
        rig.write("start", 5)                   # an answer that is lost: done, or not; what the device shows says how to go on
        await rig.scans(2)
        rig.cable.to_client.tap = None
        assert [result for result, _ in rig.ended()] == ["unverified"]
        await rig.scans(5)
        rig.write("start", 6)
        await rig.scans(2)
        assert (rig.bank.raw("start"), rig.bank.raw("start_no")) == (6, 502)

    live(scenario, rtu)


# ------------------------------------------------------------------------------------------------------- function 43/14
ACME = replace(PROFILE, identification={0: "Acme", 1: "IO-8 rev. C"})


@pytest.mark.fault("D10")
def test_a_device_that_says_who_it_is_is_read_and_written(rtu: bool):
    async def scenario(rig: Rig) -> None:
        functions = [frame[1 if rtu else 7] for frame in rig.out]
        assert functions.count(43) == 1
        rig.write("speed", 42.5)
        await rig.scans(1)
        assert rig.ended() == [("accepted", "")]
        assert is_good(rig.image.quality[TAG["level"]])

    live(scenario, rtu, there=ACME, wanted=replace(PROFILE, identification={0: "Acme", 1: "IO-8"}))


@pytest.mark.fault("D10")
@pytest.mark.parametrize(("there", "says"), [
    (replace(PROFILE, identification={0: "Acme", 1: "IO-16"}), "product code is 'IO-16', expected 'IO-8'"),
    (replace(PROFILE, identification={0: "Acme"}), "product code is '', expected 'IO-8'"), (PROFILE, "exception 1 on read 43 of 0+1"),
])
def test_another_device_is_neither_believed_nor_written(rtu: bool, there: Profile, says: str):
    async def scenario(rig: Rig) -> None:
        assert [event for event, _ in rig.device.events] == ["wrong_device"]
        assert says in rig.device.complaints()["wrong_device"]
        rig.write("speed", 42.5)
        await rig.scans(3)
        assert rig.ended() == [("rejected", "wrong device")]
        assert is_bad(rig.image.quality[TAG["level"]])
        assert rig.bank.written == 0

    live(scenario, rtu, there=there, wanted=replace(PROFILE, identification={0: "Acme", 1: "IO-8"}))


@pytest.mark.parametrize("pdu", [
    "2b0d0101000001004161", "2b0e0201000001000141", "2b0e010100000100024161ff", "2b0e01010000020001", "2b0e0101"])
def test_an_identification_that_does_not_fit_is_none(pdu: str):
    request = Read(1, 43, 0, 1)
    assert reply_of(request, frame_of(request), bytes.fromhex("2b0e0101000001000141")).payload == bytes.fromhex("01000141")
    assert reply_of(request, frame_of(request), bytes.fromhex(pdu)).failure == "malformed"


def test_a_type_code_beside_the_bus_address_counts_under_its_mask():
    gas = PROFILES["honeywell_xnx"]
    assert gas.identity is not None
    name, raw = gas.identity
    for code, right in ((raw | 0x08, True), (raw | 0x2A, True), (raw ^ 0x0100, False)):
        bank, image = Bank(gas), Image(["pv"], [5 * SECOND])
        bank.put_raw(name, code)
        device = Conversation("GD", gas, image, [Binding(point="pv", tag=0)], unit=gas.unit_id)
        device.connected(SECOND)
        device.beat(SECOND)
        while (asked := device.due(SECOND)) is not None:
            device.absorb(bank.answer(asked, SECOND), Now(SECOND, SECOND))
        assert ("wrong_device" not in device.complaints()) is right


MASK = Write(1, 22, 10, (0xFFFE, 0x0001))
BOTH = Write(1, 23, 20, (0x1234, 0x5678), (20, 2))


@pytest.mark.parametrize(("request_", "right"), [(MASK, "16000afffe0001"), (BOTH, "170412345678")])
@pytest.mark.fault("M06")
def test_only_the_whole_answer_to_the_very_request_counts(request_: Write, right: str):
    sent, answer = frame_of(request_), bytes.fromhex(right)
    assert reply_of(request_, sent, answer).ok
    for at in range(len(answer)):
        for bit in range(8):
            wrong = bytearray(answer)
            wrong[at] ^= 1 << bit
            if request_ is BOTH and at >= 2:
                continue                        # its data: any number is a reading
            assert not reply_of(request_, sent, bytes(wrong)).ok
    assert not reply_of(request_, sent, answer[:-1]).ok
    assert not reply_of(request_, sent, answer + b"\0").ok
    assert reply_of(request_, sent, bytes((request_.function | 0x80, 2))).exception == 2


@pytest.mark.parametrize(("request_", "right"), [(MASK, "16000afffe0001"), (BOTH, "170412345678")])
def test_on_a_bus_the_answer_is_found_by_its_length_in_any_cut(request_: Write, right: str):
    answer = adu(b"\x01" + bytes.fromhex(right))
    for cut in range(1, len(answer)):
        framer = asking(request_)
        assert framer.feed(b"\xff\x01" + answer[:cut]) == []
        assert [(heard.answers, heard.pdu.hex()) for heard in framer.feed(answer[cut:])] == [(True, right)]


def test_without_the_functions_bits_are_merged_and_registers_written_as_before():
    plain = replace(PROFILE, limits=replace(PROFILE.limits, write_functions=(5, 6, 16)))
    image = Image(list(NAMES), [5 * SECOND] * len(NAMES))
    device, bank = Conversation("IO", plain, image, [Binding(point=name, tag=k) for name, k in TAG.items()]), Bank(plain)
    bank.put_raw("fan", 1)
    device.write(TAG["stage"], 6, SECOND, 5 * SECOND)
    assert device.due(SECOND) is None           # the other bits are not known yet
    device.beat(SECOND)
    while (asked := device.due(SECOND)) is not None:
        device.absorb(bank.answer(asked, SECOND), Now(SECOND, SECOND))
    assert (bank.get("fan"), bank.get("stage")) == (1.0, 6.0)


# -------------------------------------------------------------------------------- what a write is made of must be known to be so
PLAIN = replace(PROFILE, limits=replace(PROFILE.limits, write_functions=(5, 6, 16)),
                points=tuple(point for point in PROFILE.points if point.name not in ("start", "start_no", "started")))


class Talk:
    """A conversation whose answers are given by hand."""

    def __init__(self, profile: Profile, depth: int = 1) -> None:
        self.bank, self.at = Bank(profile), SECOND
        names = [name for name in NAMES if any(point.name == name for point in profile.points)]
        self.image = Image(names, [5 * SECOND] * len(names))
        self.device = Conversation("IO", profile, self.image, [Binding(point=name, tag=k) for k, name in enumerate(names)], depth=depth)
        self.tag = {name: k for k, name in enumerate(names)}

    def scan(self) -> None:
        self.at += SECOND
        self.device.beat(self.at)
        self.answer()

    def answer(self) -> None:
        while (asked := self.device.due(self.at)) is not None:
            self.device.absorb(self.bank.answer(asked, self.at), Now(self.at, self.at))

    def write(self, name: str, value: float) -> None:
        self.device.write(self.tag[name], value, self.at, self.at + 5 * SECOND)

    def unanswered(self) -> Write:
        """The next request acts and its answer is lost."""
        asked = self.device.due(self.at)
        assert isinstance(asked, Write)
        self.bank.answer(asked, self.at)
        self.device.absorb(Reply(asked, failure="timeout"), Now(self.at, self.at))
        return asked


def test_after_a_bit_write_without_an_answer_the_register_is_read_before_another_bit_is_written():
    talk = Talk(PLAIN)
    talk.bank.put_raw("fan", 1)
    talk.scan()
    talk.write("fan", 0)
    assert talk.unanswered().values == (0,)
    talk.write("stage", 6)                      # made of what was known before, it would start the fan again
    talk.answer()
    talk.scan()
    talk.answer()
    assert (talk.bank.get("fan"), talk.bank.get("stage")) == (0.0, 6.0)


def test_of_a_device_that_was_lost_nothing_is_known_until_it_is_read_again():
    talk = Talk(PLAIN)
    talk.bank.put_raw("fan", 1)
    talk.scan()
    talk.device.lost(Now(talk.at, talk.at), "gone")
    talk.bank.put_raw("fan", 0)                 # it started anew meanwhile
    talk.device.connected(talk.at)
    talk.write("stage", 6)
    talk.answer()
    talk.scan()
    assert (talk.bank.get("fan"), talk.bank.get("stage")) == (0.0, 6.0)


def test_a_command_after_a_command_needs_no_reading_in_between():
    talk = Talk(PROFILE)
    talk.scan()
    talk.write("start", 3)
    talk.answer()
    talk.write("start", 0)                      # a trip, before the token was read again
    talk.answer()
    assert (talk.bank.raw("start"), talk.bank.raw("start_no")) == (0, 2)
    assert [outcome.result for outcome in talk.device.outcomes] == ["accepted", "accepted"]


def test_after_an_unanswered_command_its_token_is_read_at_once():
    talk = Talk(PROFILE)
    talk.scan()
    talk.write("start", 3)
    talk.unanswered()
    talk.write("start", 0)
    talk.answer()
    assert (talk.bank.raw("start"), talk.bank.raw("start_no")) == (0, 2)


def test_a_write_waits_until_the_reads_in_flight_beside_each_other_are_answered():
    talk = Talk(PLAIN, depth=4)
    talk.at += SECOND
    talk.device.beat(talk.at)
    reads = [asked for _ in range(4) if (asked := talk.device.due(talk.at)) is not None]
    assert len(reads) > 2
    talk.write("speed", 5)
    talk.device.absorb(talk.bank.answer(reads[0], talk.at), Now(talk.at, talk.at))
    assert talk.device.due(talk.at) is None, "the others are still out"
    for asked in reads[1:]:
        talk.device.absorb(talk.bank.answer(asked, talk.at), Now(talk.at, talk.at))
    assert isinstance(talk.device.due(talk.at), Write)


def test_a_heartbeat_on_a_bit_of_a_register_is_refused():
    dog = Watchdog(timeout_s=3.0, fed_by="write", point="fan", pattern="toggle")
    with pytest.raises(ValueError, match="fan is a bit of a register"):
        Talk(replace(PROFILE, watchdog=dog))


def test_a_status_word_that_is_not_answered_any_more_is_not_believed_for_ever():
    rule = StatusRule(point="fault", quality=BAD_DEVICE_FAILURE)
    points = (Point("level", Table.INPUT, 0, statuses=(rule,)), Point("fault", Table.INPUT, 500))
    talk = Talk(replace(PROFILE, points=points))
    talk.scan()
    assert is_good(talk.image.quality[0])
    for missed in (1, 2, 3):
        talk.at += SECOND
        talk.device.beat(talk.at)
        while (asked := talk.device.due(talk.at)) is not None:
            assert isinstance(asked, Read)
            reply = Reply(asked, failure="timeout") if asked.address == 500 else talk.bank.answer(asked, talk.at)
            talk.device.absorb(reply, Now(talk.at, talk.at))
        assert is_good(talk.image.quality[0]) is (missed == 1)
    talk.scan()
    talk.scan()
    assert is_good(talk.image.quality[0])
