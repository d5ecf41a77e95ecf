"""OPC UA rows U08 to U18 of the fault catalogue in virtual time: what a server may say, forget, refuse or limit."""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false, reportOptionalMemberAccess=false

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from devices.opcua import BAD_NODE_ID_UNKNOWN, BAD_TYPE_MISMATCH, BAD_USER_ACCESS_DENIED
from devices.quality import BAD_OUT_OF_RANGE, BAD_SENSOR_FAILURE, GOOD, UNCERTAIN, is_bad, is_good, is_uncertain
from gateway.control.chain import OutputChanged, WriteFailed
from gateway.control.demand import OutputRow, Outputs
from gateway.control.image import SECOND
from tests.gateway.links.wired_opcua import QC_FAIL, STATE, STREAM, WiredOpcUa, live

BACK_S = 6.0
BULK_S = 5.0
FIND_S = 30.0
ND = 0                          # where the point stands in a wire with points of its own
TOLD_S = 1.0            # a publishing interval


pytestmark = pytest.mark.usefixtures("quiet")


async def settled(wired: WiredOpcUa) -> None:
    await wired.good()
    await wired.net.lapse(7.3)


def limited(service: Any, name: str, count: Callable[[Any], int], limit: int) -> None:
    """A service of the server refuses calls with more than so many operations."""
    serve = getattr(service, name)

    def served(asked: Any, *others: Any) -> Any:
        if count(asked) > limit:
            raise ServiceError(StatusCodes.BadTooManyOperations)
        return serve(asked, *others)

    setattr(service, name, served)


@pytest.mark.fault("U08")
def test_namespaces_under_other_indices_are_found_again_within_6_s_and_no_value_is_another_ones():
    async def scenario(wired: WiredOpcUa) -> float:
        await settled(wired)
        wired.cable.reset()
        await wired.server.stop()
        wired.server = wired.made(namespaces_before=("urn:one", "urn:two"))
        await wired.server.start()
        await wired.show("stream", 4)
        good_s = await wired.good()
        told = wired.talk.told
        await wired.show("stream", 5)
        await wired.talk.turned(lambda: wired.talk.told > told and wired.talk.image.value[STREAM] == 5, TOLD_S + 0.1)
        return good_s

    assert live(scenario) <= BACK_S


@pytest.mark.fault("U09")
def test_a_node_that_is_removed_is_bad_by_itself_and_good_again_once_it_is_back():
    async def scenario(wired: WiredOpcUa) -> tuple[float, float, list[str]]:
        await settled(wired)
        node, _ = wired.server._shown["stream"]
        wired.inside.aspace._nodes[node].attributes[ua.AttributeIds.Value].datachange_callbacks.clear()      # asyncua never awaits them
        await wired.server._server.delete_nodes([wired.server._server.get_node(node)])
        bad_s = await wired.talk.turned(lambda: is_bad(wired.talk.image.quality[STREAM]), 10)
        assert wired.talk.image.quality[STREAM] == BAD_NODE_ID_UNKNOWN
        await wired.net.lapse(2 * FIND_S)
        assert [wired.talk.image.quality[tag] for tag in (STATE, QC_FAIL)] == [GOOD, GOOD]
        where = next(each for each in wired.talk.profile.nodes if each.name == "stream")
        await wired.server._place(where)
        await wired.show("stream", 3)
        good_s = await wired.talk.turned(lambda: is_good(wired.talk.image.quality[STREAM]), 100)
        told = wired.talk.told
        await wired.show("stream", 2)
        await wired.talk.turned(lambda: wired.talk.told > told and wired.talk.image.value[STREAM] == 2, TOLD_S + 0.1)
        assert wired.link.attempts == 1
        return bad_s, good_s, wired.talk.of("refused")

    bad_s, good_s, refused = live(scenario)
    assert bad_s <= BULK_S
    assert good_s <= FIND_S + 1.0
    assert refused == ["AE-501 has no node stream"]


@pytest.mark.fault("U09")
@pytest.mark.parametrize(
    ("value", "kind"),
    [(2.0, ua.VariantType.Double), ("2", ua.VariantType.String), ([2], ua.VariantType.UInt32), (True, ua.VariantType.Boolean)])
def test_a_node_of_another_type_is_bad_by_itself_for_that_reason(value: Any, kind: ua.VariantType):
    async def scenario(wired: WiredOpcUa) -> tuple[float, list[str]]:
        await settled(wired)
        node, _ = wired.server._shown["stream"]
        shown, other = wired.inside.aspace._nodes[node].attributes[ua.AttributeIds.Value], ua.DataValue(ua.Variant(value, kind))
        shown.value = other                     # past asyncua's own check
        for handle, tell in shown.datachange_callbacks.items():
            await tell(handle, other)
        bad_s = await wired.talk.turned(lambda: is_bad(wired.talk.image.quality[STREAM]), 10)
        await wired.net.lapse(20)
        assert wired.talk.image.quality == [GOOD, GOOD, BAD_TYPE_MISMATCH]
        return bad_s, wired.talk.of("refused")

    bad_s, refused = live(scenario)
    assert bad_s <= TOLD_S
    assert refused == ["AE-501 has another type than it had, or than the profile says, at node stream"]


@pytest.mark.fault("U10")
@pytest.mark.parametrize("announced", [True, False])
def test_what_is_more_than_the_server_takes_in_one_call_is_split(announced: bool):
    async def scenario(wired: WiredOpcUa) -> int:
        await wired.net.lapse(0)
        inside, limits = wired.inside, ua.ObjectIds
        limited(inside.attribute_service, "read", lambda asked: len(asked.NodesToRead), 4)
        limited(inside.subscription_service, "create_monitored_items", lambda asked: len(asked.ItemsToCreate), 2)
        limited(inside.view_service, "translate_browsepaths_to_nodeids", len, 3)
        if announced:
            for limit, most in (
                (limits.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead, 4),
                (limits.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall, 2),
                (limits.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds, 3),
            ):
                await wired.say(limit, most, ua.VariantType.UInt32)
        await settled(wired)
        told = wired.talk.told
        await wired.show("stream", 2)
        await wired.talk.turned(lambda: wired.talk.told > told and wired.talk.image.value[STREAM] == 2, TOLD_S + 0.1)
        return wired.link.attempts

    assert live(scenario) == 1


@pytest.mark.fault("U10")
def test_items_beyond_what_the_server_monitors_are_polled_at_their_own_rate_and_all_tags_are_served():
    async def scenario(wired: WiredOpcUa) -> list[float]:
        await wired.net.lapse(0)
        service, made = wired.inside.subscription_service, [0]
        create = service.create_monitored_items

        async def at_most_one(asked: Any) -> list[ua.MonitoredItemCreateResult]:
            results = []
            for item in asked.ItemsToCreate:
                made[0] += 1
                if made[0] > 1:
                    results.append(ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(StatusCodes.BadTooManyMonitoredItems)))
                else:
                    results += await create(ua.CreateMonitoredItemsParameters(asked.SubscriptionId, asked.TimestampsToReturn, [item]))
            return results

        service.create_monitored_items = at_most_one
        await settled(wired)
        seen = []
        for value in (2, 3, 4):
            await wired.net.lapse(1.7)
            await wired.show("stream", value)
            seen.append(await wired.talk.turned(lambda value=value: wired.talk.image.value[STREAM] == value, 10))
        assert is_good(wired.talk.quality)
        assert [name for name, _ in wired.talk.heard if name == "stream"] == []
        return seen

    assert max(live(scenario)) <= 1.5            # its period, and a scan of half a second that sends the question


@pytest.mark.fault("U11")
def test_a_server_that_gives_one_subscription_has_all_rates_in_it():
    async def scenario(wired: WiredOpcUa) -> int:
        await wired.net.lapse(0)
        wired.inside.max_subscriptions = 1
        await settled(wired)
        told = {name for name, _ in wired.talk.heard}
        assert {"stream", "qc_fail", "state", "device_state", "active_run", "result_version"} <= told, "both rates"
        await wired.start_by_hand()
        await wired.talk.turned(lambda: "RUN-000001" in [value for name, value in wired.talk.heard if name == "active_run"], BULK_S)
        return len(wired.inside.subscription_service.subscriptions)

    assert live(scenario) == 1


@pytest.mark.fault("U11")
def test_a_server_that_takes_no_publish_request_for_a_while_is_read_meanwhile():
    async def scenario(wired: WiredOpcUa) -> tuple[float, float]:
        await settled(wired)
        service = wired.inside.subscription_service
        publish = service.publish

        def refuse(_: Any) -> None:
            raise ServiceError(StatusCodes.BadTooManyPublishRequests)

        service.publish = refuse
        await wired.net.lapse(2.0)
        await wired.show("stream", 2)
        await wired.net.lapse(0.01)
        await wired.show("stream", 3)
        read_s = await wired.talk.turned(lambda: wired.talk.image.value[STREAM] == 3, 10)
        service.publish = publish
        await wired.net.lapse(30)
        told = wired.talk.told
        await wired.show("stream", 4)
        told_s = await wired.talk.turned(lambda: wired.talk.told > told and wired.talk.image.value[STREAM] == 4, 10)
        assert is_good(wired.talk.quality)
        return read_s, told_s

    read_s, told_s = live(scenario)
    assert read_s <= BULK_S
    assert told_s <= TOLD_S


@pytest.mark.fault("U14")
@pytest.mark.parametrize(("skew_s", "words"), [(3600.0, "3600 s ahead of"), (-3600.0, "3600 s behind"), (4.0, "")])
def test_a_clock_that_is_wrong_spoils_nothing_and_is_on_record_beyond_5_s(skew_s: float, words: str):
    async def scenario(wired: WiredOpcUa) -> list[str]:
        await settled(wired)
        await wired.start_by_hand()
        await wired.talk.turned(lambda: wired.talk.image.value[STATE] == 5, TOLD_S)
        assert is_good(wired.talk.quality)
        ours = wired.clock.now()
        assert wired.talk.image.source[STATE] == pytest.approx(ours.utc + skew_s * SECOND, abs=2 * SECOND), "its own time is kept"
        assert ours.mono - wired.talk.image.seen[STATE] <= SECOND, "and does not age it"
        await wired.net.lapse(30)
        assert is_good(wired.talk.quality)
        return wired.talk.of("skewed")

    assert live(scenario, skew_s=skew_s, age_s=6.0) == ([f"its clock is {words} ours"] if words else [])


@pytest.mark.fault("D09")
def test_a_device_whose_clock_was_an_hour_ahead_for_a_value_is_believed_in_the_order_its_values_came():
    async def scenario(wired: WiredOpcUa) -> float:
        await settled(wired)
        image = wired.talk.image
        await wired.show("stream", 2.0, ahead_s=3600.0)
        await wired.talk.turned(lambda: image.value[STREAM] == 2.0, TOLD_S)
        assert image.source[STREAM] == pytest.approx(wired.clock.now().utc + 3600 * SECOND, abs=2 * SECOND), "its own time is kept"
        assert is_good(image.quality[STREAM])
        await wired.show("stream", 3.0)         # set right again: newer, whatever its time says
        late_s = await wired.talk.turned(lambda: image.value[STREAM] == 3.0, BULK_S + 1)
        assert image.source[STREAM] <= wired.clock.now().utc
        return late_s

    assert live(scenario) <= BULK_S + 0.1


def test_what_the_server_has_to_say_is_on_record_and_a_flood_of_it_only_in_part():
    async def scenario(wired: WiredOpcUa) -> list[str]:
        await settled(wired)
        await wired.start_by_hand()
        await wired.talk.turned(lambda: bool(wired.talk.of("event")), TOLD_S + 0.1)
        await wired.net.lapse(60)
        for k in range(100):
            wired.device.said.append((300, f"lamp \n flickers {k}", wired.clock.now().utc))
            await wired.server.publish()
            await wired.net.lapse(0.1)
        await wired.net.lapse(60)
        wired.device.said.append((900, "lamp failed", wired.clock.now().utc))
        await wired.server.publish()
        await wired.net.lapse(5)
        return wired.talk.of("event")

    said = live(scenario)
    assert said[0] == "severity 100, ICP: LIQUOR RUN-000001 started"
    assert said[1:31] == [f"severity 300, ICP: lamp flickers {k}" for k in range(30)]
    assert said[31:33] == ["and 70 more within a minute", "severity 900, ICP: lamp failed"]


def test_events_go_on_after_a_subscription_was_made_again():
    async def scenario(wired: WiredOpcUa) -> list[str]:
        await settled(wired)
        await wired.inside.subscription_service.delete_subscriptions(list(wired.inside.subscription_service.subscriptions))
        await wired.net.lapse(60)
        wired.device.said.append((900, "lamp failed", wired.clock.now().utc))
        await wired.server.publish()
        await wired.net.lapse(5)
        return wired.talk.of("event")

    assert live(scenario) == ["severity 900, ICP: lamp failed"]


@pytest.mark.fault("U15")
def test_a_good_status_that_nobody_defined_and_a_number_that_is_no_measurement_are_not_good():
    async def scenario(wired: WiredOpcUa) -> list[int]:
        await wired.show("nd", 1.0)
        await settled(wired)
        found = []
        for value, status in ((2.0, 0x02B50000), (3.0, 0x00960000), (4.677e-306, 0), (4.0, 0)):
            told = wired.talk.told
            await wired.show("nd", value, status)
            await wired.talk.turned(lambda told=told: wired.talk.told > told, TOLD_S + 0.1)
            found.append(wired.talk.image.quality[ND])
        return found

    points = ("nd", "state", "stream", "qc_fail")
    assert live(scenario, points=points) == [UNCERTAIN, 0x00960000, BAD_SENSOR_FAILURE, GOOD]


@pytest.mark.fault("U08")
def test_a_server_that_does_not_know_its_namespaces_yet_is_found_when_it_does():
    async def scenario(wired: WiredOpcUa) -> float:
        await settled(wired)
        service = wired.inside.attribute_service
        read = service.read

        def starting(asked: Any) -> list[ua.DataValue]:
            own, array = ua.DataValue(ua.Variant(["http://opcfoundation.org/UA/"])), ua.ObjectIds.Server_NamespaceArray
            return [own if item.NodeId.Identifier == array else result
                    for item, result in zip(asked.NodesToRead, read(asked), strict=True)]

        service.read = starting
        wired.cable.reset()
        await wired.net.lapse(20)
        assert is_bad(wired.talk.quality)
        service.read = read
        return await wired.good(60)

    assert live(scenario) <= 31


@pytest.mark.fault("U15")
def test_a_status_that_is_not_good_is_passed_on_as_it_came():
    codes = [0x40000000, 0x408F0000, 0x40900000, 0x40950000, 0x80000000, 0x80310000, 0x808C0000, 0x808D0000, 0x809D0000]

    async def scenario(wired: WiredOpcUa) -> list[int]:
        await settled(wired)
        found = []
        for k, code in enumerate(codes):
            told = wired.talk.told
            await wired.show("stream", k, code)
            await wired.talk.turned(lambda told=told: wired.talk.told > told, TOLD_S + 0.1)
            found.append(wired.talk.image.quality[STREAM])
            await wired.talk.turned(lambda: wired.talk.image.asked[STREAM] > wired.clock.now().mono - 1000, BULK_S + 1)
            assert wired.talk.image.quality[STREAM] == code, "and when it is read"
        return found

    assert live(scenario) == codes


@pytest.mark.fault("U16")
def test_a_queue_that_ran_over_is_a_gap_on_record_once_a_burst_and_its_last_value_is_good():
    overflow = 0x00000480

    async def scenario(wired: WiredOpcUa) -> list[str]:
        await settled(wired)
        for k in range(10):
            told = wired.talk.told
            await wired.show("stream", k, overflow)
            await wired.talk.turned(lambda told=told: wired.talk.told > told, TOLD_S + 0.1)
            assert (wired.talk.image.value[STREAM], wired.talk.image.quality[STREAM]) == (k, GOOD)
        assert len(wired.talk.of("missed")) == 1
        await wired.show("stream", 3)
        await wired.net.lapse(100)
        await wired.show("stream", 5, overflow)
        await wired.net.lapse(2)
        return wired.talk.of("missed")

    assert live(scenario) == ["values of stream of AE-501: the server's queue ran over"] * 2


@pytest.mark.fault("U17")
@pytest.mark.parametrize("subscribed", [True, False])
@pytest.mark.parametrize(
    ("what", "ill", "well", "kind", "words"),
    [
        (ua.ObjectIds.Server_ServerStatus_State, 4, 0, ua.VariantType.Int32, "server state is Shutdown"),
        (ua.ObjectIds.Server_ServiceLevel, 199, 200, ua.VariantType.Byte, "service level is 199"),
    ],
)
def test_a_server_that_is_not_well_makes_its_values_uncertain_within_3_s(
    what: int, ill: int, well: int, kind: ua.VariantType, words: str, subscribed: bool
):
    async def refuse(*_: object) -> None:
        raise ServiceError(StatusCodes.BadServiceUnsupported)

    async def scenario(wired: WiredOpcUa) -> tuple[float, float, list[tuple[str, str]]]:
        await wired.net.lapse(0)
        if not subscribed:
            wired.inside.subscription_service.create_subscription = refuse
        await settled(wired)
        await wired.say(what, ill, kind)
        ill_s = await wired.talk.turned(lambda: all(is_uncertain(each) for each in wired.talk.image.quality), 10)
        await wired.show("stream", 2)
        await wired.net.lapse(20)
        assert wired.talk.image.value[STREAM] == 2
        assert all(is_uncertain(each) for each in wired.talk.image.quality), "also what comes after it"
        await wired.say(what, well, kind)
        return ill_s, await wired.good(), list(wired.talk.events)

    ill_s, well_s, events = live(scenario)
    assert ill_s <= 3.0
    assert well_s <= 3.0
    assert events == [("degraded", f"{words}: its values are uncertain"), ("restored", f"it was: {words}")]


async def written(wired: WiredOpcUa, tag: int, value: float) -> tuple[str, str]:
    """How a write ends."""
    now = wired.clock.now().mono
    wired.talk.write(tag, value, now, now + 10 * SECOND)
    wired.link.poke(now)
    await wired.talk.turned(lambda: bool(wired.talk.outcomes), 5)
    outcome = wired.talk.outcomes.pop()
    return outcome.result, outcome.detail


@pytest.mark.fault("U18")
def test_a_write_ends_as_the_server_says_and_what_the_node_cannot_carry_is_never_sent():
    async def scenario(wired: WiredOpcUa) -> None:
        await settled(wired)
        server, (node, _) = wired.server._server, wired.server._shown["stream"]
        assert await written(wired, STREAM, 2) == ("rejected", f"0x{BAD_USER_ACCESS_DENIED:08X}")
        await server.get_node(node).set_writable()
        assert await written(wired, STREAM, 2) == ("accepted", "")
        await wired.talk.turned(lambda: wired.talk.image.value[STREAM] == 2, TOLD_S)
        kept = await server.get_node(node).read_data_value()
        assert (kept.Value.Value, kept.Value.VariantType) == (2, ua.VariantType.UInt32), "in the node's own type"
        assert await written(wired, STREAM, -1) == ("rejected", f"0x{BAD_OUT_OF_RANGE:08X}")
        assert await written(wired, STREAM, 2.0**32) == ("rejected", f"0x{BAD_OUT_OF_RANGE:08X}")
        assert await written(wired, STATE, 2) == ("rejected", f"0x{BAD_TYPE_MISMATCH:08X}"), "a number to a text"
        assert (await server.get_node(node).read_value()) == 2
        await server.get_node(node).write_attribute(ua.AttributeIds.ValueRank, ua.DataValue(ua.Variant(1, ua.VariantType.Int32)))
        wired.cable.reset()
        await wired.talk.turned(lambda: is_bad(wired.talk.quality), 1)
        await wired.good()
        assert await written(wired, STREAM, 3) == ("rejected", f"0x{BAD_TYPE_MISMATCH:08X}"), "a scalar to an array"

    live(scenario)


@pytest.mark.fault("U18")
def test_a_write_that_is_accepted_and_does_nothing_is_seen_at_once_and_ends_as_diverged():
    async def scenario(wired: WiredOpcUa) -> tuple[float, list[Any]]:
        await settled(wired)
        await wired.net.lapse(5.2 - wired.net.loop.elapsed_s % 5)         # a bulk read has just been
        image, now = wired.talk.image, wired.clock.now

        async def accept(asked: Any, user: Any = None) -> list[ua.StatusCode]:
            return [ua.StatusCode() for _ in asked.NodesToWrite]

        wired.inside.attribute_service.write = accept
        row = OutputRow(name="MV-501", tag=STREAM, readback=STREAM, safe=None, high=6.0, settle_ns=SECOND, reassert=False)
        outputs = Outputs([row], wired.talk.write)
        entry = outputs.request(STREAM, 3.0, "operator", "by hand")
        assert isinstance(entry, OutputChanged)
        outputs.items[0].apply(entry)
        began = now().mono
        outputs.arbitrate(image, now(), {}, {}, True)
        wired.link.poke(began)
        await wired.talk.turned(lambda: image.asked[STREAM] >= began, 2)
        read_s = (now().mono - began) / SECOND
        for _ in range(20):
            await wired.net.lapse(0.5)
            outputs.arbitrate(image, now(), {}, {}, True)
        return read_s, outputs.failures

    read_s, failures = live(scenario)
    assert read_s <= 0.1
    assert [(each.outcome, each.wanted, each.readback) for each in failures if isinstance(each, WriteFailed)] == [("diverged", 3.0, 0.0)]


def test_a_server_that_is_connected_and_sends_nothing_is_bad_within_the_age_of_its_tags():
    async def scenario(wired: WiredOpcUa) -> tuple[float, float]:
        await settled(wired)
        service, mute = wired.inside.callback_service, asyncio.Event()
        dispatch = service.dispatch

        async def say_nothing(kind: Any, item: Any) -> None:
            await mute.wait()
            await dispatch(kind, item)

        service.dispatch = say_nothing
        assert wired.link.up
        bad_s = await wired.talk.turned(lambda: is_bad(wired.talk.quality), 20)
        mute.set()
        service.dispatch = dispatch
        return bad_s, await wired.good()

    bad_s, good_s = live(scenario, age_s=6.0)
    assert bad_s <= 6.0
    assert good_s <= BACK_S


def test_a_value_that_stands_still_stays_good_however_short_its_age():
    async def scenario(wired: WiredOpcUa) -> int:
        await settled(wired)
        for _ in range(200):
            await wired.net.lapse(0.3)
            assert is_good(wired.talk.quality)
        return wired.talk.told

    assert live(scenario, age_s=2.5) < 20, "by reading, not by being told"
