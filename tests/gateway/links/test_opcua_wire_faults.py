"""OPC UA rows of the fault catalogue in virtual time, against the simulated analyser with asyncua on both sides."""

from __future__ import annotations

import pytest
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from devices.quality import is_bad, is_good
from gateway.links.opcua_subscription import KEEP_ALIVES
from tests.gateway.links.wired_opcua import STATE, STREAM, WiredOpcUa, live

BACK_S = 6.0            # server back to Good, with a back-off of at most 5 s
KEEP_ALIVE_S = 10.0     # ten publishing intervals of a second
BULK_S = 5.0            # period of the bulk read


pytestmark = pytest.mark.usefixtures("quiet")


async def settled(wired: WiredOpcUa) -> None:
    """Connected, subscribed and Good for a while, somewhere between two scans."""
    await wired.good()
    await wired.net.lapse(7.3)
    assert len(wired.inside.subscription_service.subscriptions) == 2


async def bad(wired: WiredOpcUa, within_s: float) -> float:
    return await wired.talk.turned(lambda: is_bad(wired.talk.quality), within_s)


@pytest.mark.fault("U01")
@pytest.mark.parametrize("down_s", [0.0, 77.0])
def test_a_server_that_dies_is_bad_at_once_and_good_within_6_s_of_its_return(down_s: float):
    async def scenario(wired: WiredOpcUa) -> tuple[float, float]:
        await settled(wired)
        wired.cable.reset()                     # what the kernel of a killed process says
        bad_s = await bad(wired, 1)
        await wired.server.stop()
        await wired.net.lapse(down_s)
        wired.server = wired.made()
        await wired.server.start()
        return bad_s, await wired.good()

    bad_s, good_s = live(scenario, seed=3)
    assert bad_s <= 0.05
    assert good_s <= BACK_S


@pytest.mark.fault("U02")
@pytest.mark.parametrize("how", ["frozen", "the cable is pulled"])
def test_a_server_that_says_nothing_is_bad_within_3_s_and_good_within_6_s_of_its_return(how: str):
    async def scenario(wired: WiredOpcUa) -> tuple[float, float]:
        await settled(wired)
        now = wired.net.loop.time()
        if how == "frozen":
            wired.cable.to_server.close_between(now, now + 40)          # its kernel keeps what it does not read
        else:
            wired.cable.set(lost=True)
        bad_s = await bad(wired, 10)
        await wired.net.lapse(now + 40 - wired.net.loop.time())
        assert [connection for connection in wired.cable.connections if not connection.client.gone] == [], "no socket is forgotten"
        wired.cable.set(lost=False)
        return bad_s, await wired.good()

    bad_s, good_s = live(scenario, seed=3)
    assert bad_s <= 3.0
    assert good_s <= BACK_S


@pytest.mark.fault("U03")
def test_a_session_that_the_server_drops_is_replaced_with_its_subscriptions_within_6_s():
    async def scenario(wired: WiredOpcUa) -> tuple[float, int, int]:
        await settled(wired)
        dropped = wired.net.loop.time()
        for session in list(wired.inside._external_sessions.values()):
            await session.close_session()
        await bad(wired, 10)
        await wired.good()
        took = wired.net.loop.time() - dropped
        await wired.net.lapse(2)
        return took, len(wired.inside.subscription_service.subscriptions), wired.link.attempts

    took, subscriptions, attempts = live(scenario)
    assert took <= BACK_S
    assert (subscriptions, attempts) == (2, 2)


@pytest.mark.fault("U04")
def test_a_subscription_that_the_server_deletes_is_made_again_within_three_keep_alives_and_nothing_turns_bad():
    async def scenario(wired: WiredOpcUa) -> tuple[float, int]:
        await settled(wired)
        service = wired.inside.subscription_service
        await service.delete_subscriptions(list(service.subscriptions))
        told = wired.talk.told
        again_s = await wired.talk.turned(lambda: wired.talk.told > told, 200)
        assert is_good(wired.talk.quality)
        told = wired.talk.told
        await wired.start_by_hand()
        seen_s = await wired.talk.turned(lambda: wired.talk.told > told and wired.talk.image.value[STATE] == 5.0, 10)
        assert seen_s <= 1.0, "as soon as it is published again"
        assert [event for event, _ in wired.talk.events if event != "event"] == []
        return again_s, wired.link.attempts

    again_s, attempts = live(scenario)
    assert KEEP_ALIVE_S < again_s <= 3 * KEEP_ALIVE_S
    assert KEEP_ALIVES < 3
    assert attempts == 1


@pytest.mark.fault("U05")
def test_notifications_that_were_missed_are_asked_for_again_in_their_order_and_nothing_is_missing():
    async def scenario(wired: WiredOpcUa) -> tuple[list[float], list[tuple[str, str]]]:
        await settled(wired)
        fast, *_ = wired.inside.subscription_service.subscriptions.values()
        for value in (1, 2):
            await wired.show("stream", value)
            fast._pop_publish_result()                      # sent by the server and never seen
        await wired.show("stream", 3)
        await wired.talk.turned(lambda: wired.talk.heard[-1] == ("stream", 3), 2)
        return [value for name, value in wired.talk.heard if name == "stream" and value], list(wired.talk.events)

    heard, events = live(scenario)
    assert heard == [1, 2, 3]
    assert events == []


@pytest.mark.fault("U07")
def test_what_the_server_does_not_have_any_more_is_read_and_the_gap_is_on_record():
    async def scenario(wired: WiredOpcUa) -> tuple[float, float, list[tuple[str, str]]]:
        await settled(wired)
        await wired.net.lapse(5.2 - wired.net.loop.elapsed_s % 5)         # a bulk read has just been
        fast, *_ = wired.inside.subscription_service.subscriptions.values()
        await wired.show("stream", 1)
        fast._pop_publish_result()
        fast._not_acknowledged_results.clear()              # its queue for Republish is small
        await wired.show("qc_fail", True)
        missed_s = await wired.talk.turned(lambda: bool(wired.talk.events), 2)
        true_s = await wired.talk.turned(lambda: wired.talk.image.value[STREAM] == 1, 2)
        return missed_s, true_s, list(wired.talk.events)

    missed_s, true_s, events = live(scenario)
    assert missed_s <= 1.0
    assert true_s <= 0.01
    assert events == [("missed", "1 notifications of AE-501")]


@pytest.mark.fault("U05")
def test_a_gap_seen_at_the_next_notification_has_everything_read_at_that_moment():
    async def scenario(wired: WiredOpcUa) -> tuple[float, float]:
        await settled(wired)
        await wired.net.lapse(5.2 - wired.net.loop.elapsed_s % 5)         # a bulk read has just been
        for subscription in wired.inside.subscription_service.subscriptions.values():
            subscription._notification_seq += 3
        await wired.start_by_hand()
        missed_s = await wired.talk.turned(lambda: bool(wired.talk.of("missed")), 2)
        read_s = await wired.talk.turned(lambda: wired.talk.image.asked[STATE] >= wired.clock.now().mono - 1000, 2)
        assert wired.talk.of("missed") == ["3 notifications of AE-501"]
        return missed_s, read_s

    missed_s, read_s = live(scenario)
    assert missed_s <= 1.0
    assert read_s <= 0.01


@pytest.mark.fault("U06")
def test_numbers_that_roll_over_to_one_are_no_gap():
    async def scenario(wired: WiredOpcUa) -> tuple[list[int], list[str]]:
        await settled(wired)
        fast, *_ = wired.inside.subscription_service.subscriptions.values()
        fast._notification_seq = 0xFFFFFFFE
        numbers: list[int] = []
        for k in range(5):
            await wired.show("stream", 1 + k % 3)
            await wired.net.lapse(2)
            if fast._notification_seq > 0xFFFFFFFF:
                fast._notification_seq = 1                      # asyncua's server would go on to 2^32
            numbers.append(fast._notification_seq)
            assert wired.talk.image.value[STREAM] == 1 + k % 3
        return numbers, [event for event, _ in wired.talk.events]

    numbers, events = live(scenario)
    assert numbers == [0xFFFFFFFF, 1, 2, 3, 4]
    assert events == ["missed"], "the jump to the end of the range, and nothing after it"


@pytest.mark.parametrize("what", ["create_subscription", "create_monitored_items"])
def test_a_server_that_takes_no_subscription_is_polled(what: str):
    async def refuse(*_: object) -> None:
        raise ServiceError(StatusCodes.BadTooManyOperations)

    async def scenario(wired: WiredOpcUa) -> tuple[float, int, int]:
        await wired.net.lapse(0)
        setattr(wired.inside.subscription_service, what, refuse)
        await wired.good()
        await wired.show("stream", 2)
        return await wired.talk.turned(lambda: wired.talk.image.value[STREAM] == 2, 30), wired.link.attempts, wired.talk.told

    seen_s, attempts, told = live(scenario)
    assert seen_s <= BULK_S
    assert (attempts, told) == (1, 0)
