"""RTU frames: what is the answer, what is noise, what is somebody else's, and that nothing else is ever taken for an answer."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from devices.exchange import Read, Request, Write
from gateway.links.rtu import Framer, adu, answer_size, crc
from gateway.links.transport import frame_of, reply_of

READ = Read(1, 4, 0, 2)
VALUE = struct.pack(">f", 50.0)
ANSWER = adu(bytes((1, 4, 4)) + VALUE)


def sent(request: Request) -> bytes:
    """The request as it goes on the bus."""
    assert isinstance(request, Read | Write)
    return adu(frame_of(request)[6:])


def asking(request: Request = READ, *, echoes: bool | None = False) -> Framer:
    """A framer with this request out."""
    framer = Framer()
    framer.echoes = echoes
    framer.expect(sent(request))
    return framer


def answers(framer: Framer, *pieces: bytes) -> list[bytes]:
    """What is taken for the answer when these bytes come in."""
    return [heard.pdu for piece in pieces for heard in framer.feed(piece) if heard.answers]


@given(st.binary(min_size=1, max_size=256))
def test_the_crc_is_that_of_another_implementation(data: bytes):
    assert crc(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")


def test_the_crc_is_that_of_the_specification():
    assert adu(bytes.fromhex("0207")).hex() == "02074112"        # Modbus over Serial Line V1.02, clause 6.2.2


@given(st.lists(st.integers(1, 8), min_size=1, max_size=9))
def test_an_answer_is_whole_wherever_it_is_cut(cuts: list[int]):
    framer, pieces, at = asking(), [], 0
    for size in cuts:
        pieces.append(ANSWER[at:at + size])
        at += size
    assert answers(framer, *pieces, ANSWER[at:]) == [ANSWER[1:-2]]


@pytest.mark.fault("M35")
@pytest.mark.parametrize("noise", [
    b"\0", b"\xff", b"\x01", b"\x01\x04", b"\x01\x04\x04", b"\x01\x84", b"\x01\x04\xff", b"\xff\0\x01\x01\x04\x02", bytes(200),
    b"\x01\x04\x04" * 9,
])
def test_leading_noise_does_not_cost_the_answer(noise: bytes):
    for pieces in ((noise + ANSWER,), (noise, ANSWER), tuple(bytes((byte,)) for byte in noise + ANSWER)):
        assert answers(asking(), *pieces) == [ANSWER[1:-2]]


@pytest.mark.fault("M33")
def test_no_answer_with_one_wrong_bit_is_taken_and_each_is_counted():
    for bit in range(8 * len(ANSWER)):
        flipped = bytearray(ANSWER)
        flipped[bit // 8] ^= 1 << bit % 8
        framer = asking()
        assert answers(framer, bytes(flipped)) == []
        assert framer.crc_errors == 1 or bit < 24, "a frame that is not recognised at all is noise"


@pytest.mark.parametrize("stranger", [
    adu(bytes((2, 4, 4)) + VALUE), adu(bytes((1, 3, 4)) + VALUE), adu(bytes((1, 4, 2)) + VALUE[:2]),
    adu(bytes((1, 4, 6)) + VALUE + bytes(2)), adu(bytes((1, 0x83, 2))), adu(bytes((2, 0x84, 2))),
    adu(bytes.fromhex("010600080001")), adu(bytes.fromhex("01100008000102ffff")),
], ids=["unit", "function", "fewer", "more", "refusal of another function", "refusal of another unit", "a write", "a write of many"])
def test_a_whole_frame_that_does_not_fit_is_told_and_not_believed(stranger: bytes):
    framer = asking()
    heard = [heard for piece in (stranger, ANSWER) for heard in framer.feed(piece)]
    assert [each.answers for each in heard] == [False, True]
    assert (heard[0].unit, heard[0].pdu) == (stranger[0], stranger[1:-2])
    assert (framer.noise, framer.crc_errors) == (0, 0)


def test_what_comes_when_nothing_is_out_answers_nothing():
    framer = asking()
    framer.forget()
    assert [heard.answers for heard in framer.feed(ANSWER + ANSWER)] == [False, False]


def test_a_second_answer_is_somebody_elses():
    assert [heard.answers for heard in asking().feed(ANSWER + ANSWER)] == [True, False]


def test_half_an_answer_of_before_is_forgotten_with_the_next_request():
    framer = asking()
    framer.feed(ANSWER[:5])
    framer.expect(sent(READ))
    assert answers(framer, ANSWER[5:] + ANSWER) == [ANSWER[1:-2]]
    assert framer.noise == len(ANSWER)


# ------------------------------------------------------------------------------------------------------------ echo
@pytest.mark.fault("M35")
@pytest.mark.parametrize("echoes", [None, False, True])
def test_the_echo_of_a_read_is_noticed_and_no_answer(echoes: bool | None):
    framer = asking(echoes=echoes)
    assert answers(framer, sent(READ), ANSWER) == [ANSWER[1:-2]]
    assert framer.echoes is True


@pytest.mark.fault("M35")
def test_behind_an_adapter_that_echoes_a_write_is_acknowledged_by_its_second_copy_only():
    write = sent(Write(1, 6, 8, (5,)))
    framer = asking(Write(1, 6, 8, (5,)), echoes=True)
    assert framer.feed(write) == []
    assert answers(framer, write) == [write[1:-2]]


def test_without_an_echo_the_answer_to_a_write_is_its_first_copy():
    write = sent(Write(1, 6, 8, (5,)))
    assert answers(asking(Write(1, 6, 8, (5,)), echoes=False), write) == [write[1:-2]]


def test_the_echo_of_a_read_of_bits_that_looks_like_its_answer_is_not_taken_for_it():
    request = Read(1, 1, 0x0300, 20)        # function, byte count 3, three bytes: what an answer with 20 bits looks like
    framer = asking(request, echoes=True)
    assert framer.feed(sent(request)) == []
    answer = adu(bytes((1, 1, 3, 1, 2, 3)))
    assert answers(framer, answer) == [answer[1:-2]]


def test_an_adapter_is_known_not_to_echo_after_one_answer_or_one_silence():
    framer = asking(echoes=None)
    framer.feed(ANSWER)
    silent = asking(echoes=None)
    silent.forget()
    assert (framer.echoes, silent.echoes) == (False, False)


# ------------------------------------------------------------------------------------------------- lengths, identity
def test_the_length_of_an_answer_is_known_from_its_head():
    assert answer_size(ANSWER, 0, sent(READ)) == 9
    assert answer_size(b"\x01\x84\x02", 0, sent(READ)) == 5
    assert answer_size(b"\x01\x10\x00", 0, sent(Write(1, 16, 0, (1, 2)))) == 8
    assert answer_size(b"\x01\x03\x04", 0, sent(READ)) == 0
    assert answer_size(b"\x01", 0, sent(READ)) > 1


def test_an_identity_is_counted_off_object_by_object():
    request = adu(bytes.fromhex("01 2b 0e 01 00"))
    answer = adu(bytes.fromhex("01 2b 0e 01 01 00 00 02 00 04") + b"Acme" + b"\x01\x02pH")
    for cut in range(1, len(answer)):
        framer = Framer()
        framer.expect(request)
        assert answers(framer, answer[:cut], answer[cut:]) == [answer[1:-2]]


# ------------------------------------------------------------------------------------------------- nothing else, ever
REQUESTS: tuple[Read | Write, ...] = (
    READ, Read(1, 3, 100, 1), Read(7, 1, 0, 12), Read(3, 2, 0, 8), Write(1, 6, 8, (123,)), Write(1, 5, 0, (1,)), Write(2, 16, 10, (1, 2)),
)


def answer_to(request: Read | Write, rng: random.Random) -> bytes:
    """The right answer with some values."""
    frame = frame_of(request)
    if isinstance(request, Write):
        return adu(frame[6:12])
    size = 2 * request.count if request.function > 2 else (request.count + 7) // 8
    return adu(bytes((request.unit, request.function, size)) + rng.randbytes(size))


def mutated(frame: bytes, rng: random.Random) -> bytes:
    """A frame to which something happened on the way; its CRC is wrong, or right for something that was not asked."""
    data = bytearray(frame)
    kind = rng.randrange(7)
    if kind == 0:
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(len(data)):]
    elif kind == 2:
        at = rng.randrange(len(data))
        data[at:at] = rng.randbytes(rng.randint(1, 3))
    elif kind == 3:
        del data[rng.randrange(len(data))]
    elif kind == 4:
        return rng.randbytes(rng.randint(1, 40))
    elif kind == 5:                             # right CRC, other unit or function
        data[rng.randrange(2)] ^= 1 << rng.randrange(7)
        return adu(bytes(data[:-2]))
    else:                                       # right CRC, other length
        return adu(bytes(data[:2]) + bytes((data[2] ^ 1 << rng.randrange(1, 5),)) + rng.randbytes(rng.randint(0, 12)))
    return bytes(data)


@pytest.mark.fault("M33")
@pytest.mark.parametrize("frames", [10_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_of_mutated_frames_none_that_does_not_belong_is_accepted(frames: int):
    """Four wrong bits may leave a CRC of 16 bits right, and then no receiver can tell: 0 in 10^4, at most 2^-16 of more."""
    rng = random.Random(33)
    believed = 0
    for _ in range(frames):
        request = rng.choice(REQUESTS)
        right = answer_to(request, rng)
        ill = mutated(right, rng)
        while right in ill:
            ill = mutated(right, rng)
        for heard in asking(request).feed(ill):
            believed += heard.answers and reply_of(request, frame_of(request), heard.pdu).failure is None
    assert believed <= frames // 2**16
