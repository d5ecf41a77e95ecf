"""CPU cost of one exchange without a socket: conversation (due + absorb) and bank (answer), per block of n float32.

    python -m bench.conversation
"""

from __future__ import annotations

import time

from devices.profile import Kind, Point, Profile, Table, Verified
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from simulators.bank import Bank

ROUNDS = 20_000


def profile_of(points: int) -> Profile:
    """A device of ``points`` float32 values in one block."""
    declared = tuple(Point(f"v{k}", Table.INPUT, 2 * k, Kind.FLOAT32, low=-1e6, high=1e6) for k in range(points))
    return Profile(name="bench", maker="-", model="-", protocol="modbus", source="assumed", verified=Verified.ASSUMED, points=declared)


def pair_of(points: int) -> tuple[Conversation, Bank]:
    """A conversation and the bank that answers it."""
    profile = profile_of(points)
    image = Image([f"T{k}" for k in range(points)], [5 * SECOND] * points)
    return Conversation("D", profile, image, [Binding(point=f"v{k}", tag=k) for k in range(points)]), Bank(profile)


def measure(points: int) -> tuple[float, float, float]:
    """Microseconds of beat, of due + absorb, and of answer."""
    conversation, bank = pair_of(points)
    clock, beat, talk, answer = time.process_time_ns, 0, 0, 0
    for k in range(1, ROUNDS):
        now = Now(k * SECOND, k * SECOND)
        t0 = clock()
        conversation.beat(now.mono)
        t1 = clock()
        request = conversation.due(now.mono)
        assert request is not None
        t2 = clock()
        reply = bank.answer(request, now.mono)
        t3 = clock()
        conversation.absorb(reply, now)
        t4 = clock()
        beat += t1 - t0
        talk += t2 - t1 + t4 - t3
        answer += t3 - t2
    empty = clock()
    for _ in range(ROUNDS):
        clock()
    each = (clock() - empty) / ROUNDS
    return tuple(1e-3 * (total / ROUNDS - calls * each) for total, calls in ((beat, 1), (talk, 2), (answer, 1)))  # pyright: ignore


def main() -> None:
    """Print the table."""
    print("float32 per block   beat us   due+absorb us   bank answer us")
    for points in (1, 5, 10, 20, 32, 62):
        print(f"{points:17}   {'   '.join(f'{figure:10.2f}' for figure in measure(points))}")


if __name__ == "__main__":
    main()
