"""The words on the plant process's socket: every one comes back as it went, and no bytes of a stranger do harm."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol import LIMIT, TICK, Ask, Do, Hello, Told, Word, pack, read_word, tick_frame

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(max_size=8), plain, max_size=4)
words = st.one_of(
    st.builds(Hello, st.integers(0, 99), st.text(max_size=20)),
    st.builds(
        Do, id=st.integers(0, 2**31), verb=st.text(max_size=20), target=st.text(max_size=20), why=st.text(max_size=20), arguments=bodies
    ),
    st.builds(Ask, id=st.integers(0, 2**31), what=st.text(max_size=20), target=st.text(max_size=20)),
    st.builds(Told, id=st.integers(0, 2**31), ok=st.booleans(), reason=st.text(max_size=20), body=bodies),
)


def read_all(stream: bytes) -> list[Word]:
    """Every word of a stream that then ends."""

    async def read() -> list[Word]:
        reader = asyncio.StreamReader()
        reader.feed_data(stream)
        reader.feed_eof()
        found: list[Word] = []
        while (word := await read_word(reader)) is not None:
            found.append(word)
        return found

    return asyncio.run(read())


@given(st.lists(words, max_size=5))
def test_words_come_back_as_they_went_in_their_order(given_words: list[Any]):
    assert read_all(b"".join(map(pack, given_words))) == given_words


@given(words, st.integers(0, 200))
def test_a_word_that_is_cut_off_is_no_word(word: Any, at: int):
    frame = pack(word)
    assert read_all(frame[: min(at, len(frame) - 1)]) == []


@given(st.binary(max_size=200))
def test_any_bytes_are_words_or_refused(stream: bytes):
    try:
        read_all(stream)
    except ValueError:
        return


def test_a_frame_that_claims_to_be_long_is_refused_before_it_is_read():
    with pytest.raises(ValueError, match=f"at most {LIMIT}"):
        read_all((LIMIT + 1).to_bytes(4, "big"))


def test_a_tick_is_a_letter_and_two_times():
    assert TICK.unpack(tick_frame(7, -1)) == (b"T", 7, -1)
