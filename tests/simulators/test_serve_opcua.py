"""What the simulated analyser says of itself, held against the NodeSet it stands for."""

# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import pytest
from asyncua import ua

from devices.opcua import STRUCTURES, Structure
from simulators.serve_opcua import OpcUaServer
from tests.gateway.links.test_opcua import Plant, free_port


@pytest.mark.parametrize("each", STRUCTURES.values(), ids=lambda each: each.name)
async def test_a_structure_is_described_with_the_encoding_that_it_has(each: Structure):
    """A client that knows it only from the server encodes it by the id that stands there."""
    plant = Plant()
    server = OpcUaServer(plant.device, lambda: plant.mono, port=free_port())
    await server.start()
    try:
        index = await server._server.get_namespace_index(each.namespace)
        described = server._server.get_node(ua.NodeId(ua.Int32(each.data_type), ua.Int16(index)))
        definition = await described.read_data_type_definition()
        assert isinstance(definition, ua.StructureDefinition)
        assert definition.DefaultEncodingId == ua.NodeId(ua.Int32(each.encoding), ua.Int16(index))
        assert [(field.Name, field.DataType.Identifier) for field in definition.Fields] == [(name, 12) for name in each.fields]
        coded = await described.get_referenced_nodes(ua.ObjectIds.HasEncoding)
        assert [(node.nodeid, (await node.read_browse_name()).Name) for node in coded] == [(definition.DefaultEncodingId, "Default Binary")]
    finally:
        await server.stop()
