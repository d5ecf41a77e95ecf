"""Answers and notifications that were spoiled on their way: whatever comes, no wrong value is Good, and the link lives.

Each tag shows values that no other tag ever shows, so a Good value can be held against what was true. What no receiver can
see is not among the mutations: another plausible number in the same place of an unsigned message.
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from devices.quality import is_good
from tests.gateway.links.wired_opcua import WiredOpcUa, live

POINTS = ("nd", "tree", "stream")
BASE = {"nd": 20.0, "tree": 120.0, "stream": 1000}
AGE_S = 8.0
SPOILED = 0.5           # of all answers and notifications
FAULTS = [StatusCodes.BadTooManyOperations, StatusCodes.BadOutOfMemory, StatusCodes.BadNothingToDo, StatusCodes.BadTimeout,
          StatusCodes.BadUnexpectedError, StatusCodes.BadSessionIdInvalid, StatusCodes.BadResponseTooLarge]


pytestmark = pytest.mark.usefixtures("quiet")


def another(rng: random.Random, data: ua.DataValue) -> ua.DataValue:
    """A DataValue that may be no Good value of its node any more."""
    held = data.Value.Value if data.Value is not None else None
    kind = data.Value.VariantType if data.Value is not None else ua.VariantType.Null
    number = held if isinstance(held, int | float) else 7
    return rng.choice([
        lambda: ua.DataValue(ua.Variant(None, ua.VariantType.Null)),
        lambda: ua.DataValue(ua.Variant([held, held], kind) if kind != ua.VariantType.Null else ua.Variant(None)),
        lambda: ua.DataValue(ua.Variant([], ua.VariantType.Double, is_array=True)),
        lambda: ua.DataValue(ua.Variant(str(number), ua.VariantType.String)),
        lambda: ua.DataValue(ua.Variant(number != 0, ua.VariantType.Boolean)),
        lambda: ua.DataValue(ua.Variant(round(number) % 128, ua.VariantType.Byte)),
        lambda: ua.DataValue(ua.Variant(float(number) + 1.0, ua.VariantType.Float)),
        lambda: ua.DataValue(ua.Variant(math.nan, ua.VariantType.Double)),
        lambda: ua.DataValue(ua.Variant(math.inf, ua.VariantType.Double)),
        lambda: ua.DataValue(ua.Variant(b"\xff\x00", ua.VariantType.ByteString)),
        lambda: ua.DataValue(ua.Variant(ua.LocalizedText("Running"), ua.VariantType.LocalizedText)),
        lambda: ua.DataValue(ua.Variant(number + 3, kind) if kind in (ua.VariantType.Double, ua.VariantType.UInt32) else ua.Variant(None),
                             StatusCode=ua.StatusCode(rng.choice([0x40000000, 0x80000000, 0x80340000, 0x80740000, 0xC0000000]))),
    ])()


def spoiled_list(rng: random.Random, results: list[ua.DataValue]) -> list[ua.DataValue]:
    """The results of a read: some values others, or not as many as were asked for."""
    how = rng.random()
    if how < 0.1:
        raise ServiceError(rng.choice(FAULTS))
    if how < 0.2:
        return results[: rng.randrange(len(results))]
    if how < 0.3:
        return results + results[:1]
    return [another(rng, each) if rng.random() < 0.4 else each for each in results]


def spoil_notification(rng: random.Random, result: ua.PublishResult) -> None:
    """A notification: its values, whom they are for, its number, its subscription."""
    message, how = result.NotificationMessage, rng.random()
    if how < 0.15:
        message.SequenceNumber = rng.choice([0, 1, 2**32 - 1, rng.randrange(2**32), int(message.SequenceNumber) + rng.randrange(1, 4)])
    elif how < 0.2:
        result.SubscriptionId = rng.choice([0, 1, 2**32 - 1])
    elif how < 0.25:
        message.NotificationData = [ua.StatusChangeNotification(Status=ua.StatusCode(rng.choice(FAULTS)))]
    elif how < 0.3:
        message.NotificationData = []
    else:
        for notification in message.NotificationData:
            for item in getattr(notification, "MonitoredItems", ()):
                if rng.random() < 0.3:
                    item.ClientHandle = rng.choice([0, 9999, 2**32 - 1])
                else:
                    item.Value = another(rng, item.Value)


class Spoiler:
    """Sits in the server of a wire and spoils half of what it says. ``count``: how often."""

    def __init__(self, wired: WiredOpcUa, seed: int) -> None:
        self.rng, self.wired, self.count, self.on = random.Random(seed), wired, 0, True
        inside = wired.inside
        self._read = inside.attribute_service.read
        inside.attribute_service.read = self._spoil_read
        self._create = inside.subscription_service.create_subscription
        inside.subscription_service.create_subscription = self._spoil_subscription
        wired.cable.to_client.tap = self._cut

    def _now(self, chance: float) -> bool:
        spoil = self.on and self.rng.random() < chance
        self.count += spoil
        return spoil

    def _spoil_read(self, asked: Any) -> list[ua.DataValue]:
        results = self._read(asked)
        return spoiled_list(self.rng, results) if self._now(SPOILED) else results

    async def _spoil_subscription(self, *arguments: Any, **named: Any) -> ua.CreateSubscriptionResult:
        result = await self._create(*arguments, **named)
        made = self.wired.inside.subscription_service.subscriptions[result.SubscriptionId]
        publish = made._pop_publish_result

        def pop() -> ua.PublishResult:
            popped = publish()
            if popped.NotificationMessage.NotificationData and self._now(SPOILED):
                spoil_notification(self.rng, popped)
            return popped

        made._pop_publish_result = pop
        return result

    def _cut(self, data: bytes) -> bytes:
        """Now and then a message is cut short, or its header (type, size, channel, token, numbers) is another."""
        if not self._now(0.01):
            return data
        if self.rng.random() < 0.5:
            return data[: self.rng.randrange(len(data))]
        at = self.rng.randrange(min(len(data), 20))
        return data[:at] + bytes([data[at] ^ (1 << self.rng.randrange(8))]) + data[at + 1 :]


def true_since(shown: list[tuple[float, float]], since: float) -> list[float]:
    """The values that were true at some instant since then. ``shown``: (when, value), each until the next."""
    ends = [*(when for when, _ in shown[1:]), math.inf]
    return [value for (_, value), end in zip(shown, ends, strict=True) if end >= since]


async def lives_through(wired: WiredOpcUa, seed: int, mutations: int) -> tuple[int, int]:
    """Good values seen, and wrong ones among them, until so many mutations were made; the line is Good again after them."""
    await wired.net.lapse(0)
    for name in POINTS:
        await wired.show(name, BASE[name])
    spoiler = Spoiler(wired, seed)
    shown: dict[str, list[tuple[float, float]]] = {name: [(wired.net.loop.elapsed_s, BASE[name])] for name in POINTS}
    good = wrong = step = 0
    image = wired.talk.image
    while spoiler.count < mutations:
        step += 1
        name = POINTS[step % 3]
        value = BASE[name] + step * (1 if name == "stream" else 0.0005)
        await wired.show(name, value)
        shown[name] = [*shown[name][-40:], (wired.net.loop.elapsed_s, value)]
        await wired.net.lapse(0.5 + 0.01 * (step % 7))
        for tag, name in enumerate(POINTS):
            if is_good(image.quality[tag]):
                good += 1
                wrong += image.value[tag] not in true_since(shown[name], wired.net.loop.elapsed_s - AGE_S)
    spoiler.on = False
    await wired.good(60)
    await wired.net.lapse(10)
    for tag, name in enumerate(POINTS):
        assert image.value[tag] == shown[name][-1][1], "and true again"
    return good, wrong


def survived(seed: int, mutations: int) -> tuple[int, int]:
    return live(lambda wired: lives_through(wired, seed, mutations), limit_s=1e7, age_s=AGE_S, points=POINTS, seed=seed)


@pytest.mark.fault("U07")
@pytest.mark.fault("U15")
@pytest.mark.parametrize("seed", [1, 2])
def test_of_500_spoiled_answers_none_is_a_wrong_good_value_and_the_line_is_good_after_them(seed: int):
    good, wrong = survived(seed, 500)
    assert wrong == 0
    assert good > 300, "and it is not all Bad"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_of_10_000_spoiled_answers_none_is_a_wrong_good_value_and_the_line_is_good_after_them(seed: int):
    good, wrong = survived(seed + 100, 10_000)
    assert wrong == 0
    assert good > 6000, "and it is not all Bad"
