"""OPC UA subscriptions: our link into the image beside stock asyncua, each in a process of its own.

    python -m bench.links.opcua serve                  # ITEMS doubles that change every 100 ms, until its input is closed
    python -m bench.links.opcua ours|asyncua SECONDS

``ours`` is session, subscription, link and conversation into an image, with the bulk read every 5 s that proves the
connection; ``asyncua`` is ``create_subscription`` and a handler that keeps value, status and source time of each node.
What was delivered is counted.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import structlog
from asyncua import Client, Server, ua

from bench.links.counted import Counted
from devices.exchange import Reply
from devices.profile import Node, Profile, Verified
from gateway.control.analyzer import OpcUaConversation
from gateway.control.conversation import Binding
from gateway.control.image import SECOND, Image, Now
from gateway.links.opcua import OpcUaLink
from gateway.links.security import NONE
from gateway.ticker import Clock, Ticker

URL = "opc.tcp://127.0.0.1:25030"
URI = "urn:bench"
ITEMS, FOLDER = 1000, 100       # asyncua adds a node in time that grows with its neighbours: folders of 100
PERIOD_NS = 100_000_000
WARM_S = 1.0


async def serve() -> None:
    """The server. A cycle that comes too late is left out."""
    server = Server()
    await server.init()
    server.set_endpoint(URL)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(URI)
    nodes: list[ua.NodeId] = []
    for k in range(0, ITEMS, FOLDER):
        folder = await server.nodes.objects.add_folder(index, f"F{k // FOLDER}")
        nodes += [(await folder.add_variable(index, f"V{n}", 0.0)).nodeid for n in range(k, min(k + FOLDER, ITEMS))]
    await server.start()
    print("ready", flush=True)
    closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    ticker, clock, cycle = Ticker(PERIOD_NS), Clock(), 0
    while not closed.done():
        await ticker.wait()
        cycle += 1
        now = ua.uatypes.datetime.fromtimestamp(clock.now().utc / SECOND, ua.uatypes.timezone.utc)
        for k, node in enumerate(nodes):
            value = ua.DataValue(ua.Variant(20.0 + (cycle + k) % 1000, ua.VariantType.Double), SourceTimestamp=now, ServerTimestamp=now)
            await server.iserver.write_attribute_value(node, value)
    await server.stop()


class Counting(OpcUaConversation):
    """``told``: notifications that reached it."""

    told = 0

    def absorb(self, reply: Reply, now: Now) -> None:
        if self._flight is None or self._flight[0] is not reply.request:
            self.told += len(reply.document)
        super().absorb(reply, now)


async def ours(span_s: float) -> None:
    """Our link, poked by a scan of 100 ms."""
    nodes = tuple(Node(f"v{k}", (f"b:F{k // FOLDER}", f"b:V{k}"), low=-1e6, high=1e6) for k in range(ITEMS))
    profile = Profile(name="bench", maker="-", model="-", protocol="opcua", source="assumed", verified=Verified.ASSUMED,
                      namespaces={"b": URI}, nodes=nodes)
    image = Image([f"T{k}" for k in range(ITEMS)], [60 * SECOND] * ITEMS)
    talk = Counting("D", profile, image, [Binding(point=f"v{k}", tag=k, period_ns=PERIOD_NS) for k in range(ITEMS)])
    clock, ticker = Clock(), Ticker(PERIOD_NS)
    link = OpcUaLink("L", URL, talk, clock.now, security=NONE, timeout_s=10.0)
    task = asyncio.create_task(link.run())

    async def scan(count: Counted, limit_s: float) -> None:
        while not count.over(limit_s):
            await ticker.wait()
            now = clock.now().mono
            image.age(now)
            link.poke(now)

    await link.connected.wait()
    count = Counted()
    count.begin()
    await scan(count, WARM_S)
    count.begin()
    before = talk.told
    await scan(count, span_s)
    count.end(talk.told - before)
    assert not any(image.quality), "every tag is Good"
    assert not [event for event in talk.events if event[0] == "missed"], "nothing was missed"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Handler:
    """Keeps the last value, status and source time of each node."""

    def __init__(self) -> None:
        self.told = 0
        self.image: dict[ua.NodeId, tuple[Any, int, Any]] = {}

    def datachange_notification(self, node: Any, val: Any, data: Any) -> None:
        self.told += 1
        value = data.monitored_item.Value
        self.image[node.nodeid] = val, value.StatusCode.value, value.SourceTimestamp


async def asyncua(span_s: float) -> None:
    """The stock client."""
    client, handler, count = Client(URL), Handler(), Counted()
    await client.connect()
    index = await client.get_namespace_index(URI)
    nodes = [await client.nodes.objects.get_child([f"{index}:F{k // FOLDER}", f"{index}:V{k}"]) for k in range(ITEMS)]
    subscription = await client.create_subscription(PERIOD_NS / 1e6, handler)
    await subscription.subscribe_data_change(nodes, queuesize=10)
    await asyncio.sleep(WARM_S)
    count.begin()
    before = handler.told
    await asyncio.sleep(span_s)
    count.end(handler.told - before)
    assert len(handler.image) == ITEMS
    await subscription.delete()
    await client.disconnect()


if __name__ == "__main__":
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(serve() if sys.argv[1] == "serve" else {"ours": ours, "asyncua": asyncua}[sys.argv[1]](float(sys.argv[2])))
