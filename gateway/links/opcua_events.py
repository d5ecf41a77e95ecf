"""Events of an OPC UA server: what it has to say besides values, such as a lamp that failed or a run that ended.

They are asked for at the Server object, to which a server passes on the events of everything in it, with four fields of the
base type. Conditions and their acknowledgement are not spoken here: what needs an operator is an alarm of ours.

Source: OPC 10000-4 5.13.1.3 (event monitored items), 7.22.3 EventFilter; OPC 10000-5 6.4.2 BaseEventType, 6.3.1 (Server object).
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from asyncua import ua

from gateway.links.opcua_values import utc_ns

FIELDS = ("Severity", "SourceName", "Message", "Time")
QUEUE = 100                     # events that the server keeps between two publications
LONGEST = 300                   # characters of a text that are kept


class Happened(msgspec.Struct, frozen=True):
    """One event. ``severity``: 1 (only information) to 1000; ``at_utc``: by the server's clock, ns, 0 when it does not say."""

    severity: int
    source: str
    message: str
    at_utc: int


def request(node: ua.NodeId, handle: int) -> ua.MonitoredItemCreateRequest:
    """A monitored item for the events of a node."""
    select = [
        ua.SimpleAttributeOperand(TypeDefinitionId=ua.NodeId(ua.ObjectIds.BaseEventType), BrowsePath=[ua.QualifiedName(field, 0)],
                                  AttributeId=ua.AttributeIds.Value)
        for field in FIELDS
    ]
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.EventNotifier), MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=handle, SamplingInterval=0.0, QueueSize=QUEUE, DiscardOldest=True, Filter=ua.EventFilter(SelectClauses=select)))


def happened(fields: Sequence[ua.Variant]) -> Happened:
    """An event of its fields, in the order of ``FIELDS``; a field that is missing, or is something else, is empty."""
    values: list[Any] = [field.Value for field in fields] + [None] * len(FIELDS)
    severity, source, message, at = values[: len(FIELDS)]
    text = message.Text if isinstance(message, ua.LocalizedText) else message
    return Happened(
        severity if isinstance(severity, int) and 0 < severity <= 1000 else 0, _words(source), _words(text),
        utc_ns(at) if hasattr(at, "year") else 0)


def _words(text: Any) -> str:
    """One line of text."""
    return " ".join(text[:LONGEST].split()) if isinstance(text, str) else ""
