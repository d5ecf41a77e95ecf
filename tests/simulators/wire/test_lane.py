"""How bytes travel: latency, jitter, loss, cuts, gathering, partitions and taps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators.wire import Network, run
from tests.simulators.wire.talk import Noting, pair


def received(write_at: dict[float, bytes], rest_s: float = 60.0, **settings: object) -> Noting:
    """What the server saw of these writes (virtual second -> bytes) through a lane with these settings."""
    async def main(net: Network) -> Noting:
        here, there = await pair(net)
        lane = net.cable(15011).to_server
        for name, value in settings.items():
            setattr(lane, name, value)
        for at, data in write_at.items():
            net.loop.call_later(at, here.transport.write, data)
        await net.lapse(max(write_at) + rest_s)
        here.transport.abort()
        there.transport.abort()
        return there

    return run(main, seed=3)


def at_of(there: Noting) -> list[float]:
    return [at for at, what in there.log if what.startswith("got")]


def test_latency_is_added_to_every_segment():
    assert at_of(received({0.0: b"a", 1.0: b"b"}, latency_s=0.25)) == [0.25, 1.25]


def test_what_is_there_when_it_is_read_is_read_in_one_piece():
    assert received({1.0: b"ab", 1.0 + 1e-12: b"cd"}).got == [b"abcd"]


WRITES = st.dictionaries(st.integers(0, 2_000_000), st.binary(min_size=1, max_size=9), min_size=1, max_size=20)      # at us


@given(WRITES, st.floats(0, 5), st.floats(0, 5))
def test_jitter_keeps_the_order_and_stays_in_its_bounds(writes: dict[int, bytes], latency: float, jitter: float):
    times = {at / 1e6: writes[at] for at in sorted(writes)}
    there = received(times, latency_s=latency, jitter_s=jitter)
    assert b"".join(there.got) == b"".join(times.values())
    assert min(at_of(there)) >= round(min(times) + latency, 9) - 1e-6
    assert max(at_of(there)) <= max(times) + latency + jitter + 1e-6


def test_a_lost_direction_is_silent_and_the_other_still_carries():
    async def main(net: Network) -> tuple[list[str], list[str]]:
        here, there = await pair(net)
        net.cable(15011).to_server.lost = True
        here.transport.write(b"into the void")
        there.transport.write(b"still heard")
        await net.lapse(600)
        result = list(here.events), list(there.events)
        here.transport.close()
        await net.lapse(600)
        assert there.events == ["made"], "the FIN is lost as well"
        there.transport.abort()
        return result

    assert run(main) == (["made", "got 11"], ["made"])


def test_a_cut_gives_every_byte_alone_and_drips_it():
    there = received({0.0: b"abcd"}, cut=(1, 1), gap_s=0.06)
    assert there.got == [b"a", b"b", b"c", b"d"]
    assert at_of(there) == [0.0, 0.06, 0.12, 0.18]


def test_what_is_written_meanwhile_drips_behind_it():
    there = received({0.0: b"ab", 0.01: b"cd"}, cut=(1, 1), gap_s=0.1)
    assert there.got == [b"a", b"b", b"c", b"d"]
    assert at_of(there) == [0.0, 0.1, 0.2, 0.3]


def test_pieces_stay_apart_even_without_a_gap():
    assert received({0.0: b"abcd"}, cut=(1, 1)).got == [b"a", b"b", b"c", b"d"]


@given(st.binary(min_size=1, max_size=300), st.integers(1, 5), st.integers(0, 20))
def test_a_cut_loses_nothing_and_keeps_its_sizes(data: bytes, smallest: int, more: int):
    there = received({0.0: data}, cut=(smallest, smallest + more))
    assert b"".join(there.got) == data
    assert all(smallest <= len(piece) <= smallest + more for piece in there.got[:-1])


def test_gathering_makes_one_segment_of_many_writes():
    there = received({0.0: b"a", 0.05: b"b", 0.09: b"c", 0.2: b"d"}, gather_s=0.1)
    assert there.got == [b"abc", b"d"]
    assert at_of(there) == [0.1, 0.3]


def test_gathered_bytes_can_be_cut_across_the_old_borders():
    there = received({0.0: b"abc", 0.01: b"def"}, gather_s=0.1, cut=(4, 4))
    assert there.got == [b"abcd", b"ef"]


def test_a_tap_sees_each_write_and_says_what_goes_on():
    seen: list[bytes] = []

    def tap(data: bytes) -> bytes:
        seen.append(data)
        return {b"drop": b"", b"twice": b"twicetwice"}.get(data, data)

    there = received({0.0: b"plain", 1.0: b"drop", 2.0: b"twice"}, tap=tap)
    assert seen == [b"plain", b"drop", b"twice"]
    assert there.got == [b"plain", b"twicetwice"]


def test_through_a_partition_nothing_comes_and_afterwards_all_of_it_does():
    async def main(net: Network) -> Noting:
        here, there = await pair(net)
        cable, start = net.cable(15011), net.loop.time()
        cable.set(latency_s=0.1)
        cable.part(start + 10, start + 20)
        for at, data in ((1.0, b"before"), (9.95, b"caught"), (12.0, b"inside"), (25.0, b"after")):
            net.loop.call_later(at, here.transport.write, data)
        await net.lapse(30)
        here.transport.abort()
        there.transport.abort()
        return there

    there = run(main)
    assert there.got == [b"before", b"caughtinside", b"after"]
    assert at_of(there) == [1.1, 20.1, 25.1]
