"""The wire rehearsal: an event loop with virtual time and a network in memory, for the real stacks of both sides.

    async def main(network):
        servers = ModbusServers({15011: {1: bank}}, clock)
        await servers.start()
        network.cable(15011).to_client.latency_s = 0.02
        ...
    run(main, seed=7, limit_s=3600)

No socket is opened and nobody sleeps: when nothing is left to do, time goes to the next timer. Faults of the wire are
settings of a cable, drawn from one seed, so a run that fails is run again exactly.
"""

from simulators.wire.cable import Cable
from simulators.wire.lane import Lane
from simulators.wire.loop import Deadlock, OutOfTime, Standstill, Unhandled, VirtualLoop
from simulators.wire.network import Network
from simulators.wire.running import Leak, run
from simulators.wire.trace import Trace

__all__ = ["Cable", "Deadlock", "Lane", "Leak", "Network", "OutOfTime", "Standstill", "Trace", "Unhandled", "VirtualLoop", "run"]
