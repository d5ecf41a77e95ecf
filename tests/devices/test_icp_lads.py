"""The analyser's profile: names, paths and types hang together."""

from __future__ import annotations

import pytest

from devices.instruments.icp_lads import ELEMENTS, PROFILE, SOLIDS, STATES, STREAMS, TEMPLATES
from devices.opcua import LADS, STRUCTURES, argument_type, number, relative_path

UA = "http://opcfoundation.org/UA/"


def test_every_node_and_method_is_named_once_and_in_a_declared_namespace():
    paths = {each.name: each.path for each in (*PROFILE.nodes, *PROFILE.methods)}
    assert len(paths) == len(PROFILE.nodes) + len(PROFILE.methods)
    assert len(set(paths.values())) == len(paths)
    keys = {part.rpartition(":")[0] for path in paths.values() for part in path}
    assert keys - {""} <= set(PROFILE.namespaces)


def test_every_element_has_a_sensor_with_a_range():
    nodes = {node.name: node for node in PROFILE.nodes}
    for name in (*(element.lower() for element in ELEMENTS), "tree"):
        assert (nodes[name].unit, nodes[name].variant) == ("g/L", "Double")
        assert nodes[name].high is not None
        assert nodes[name].path[-1] == "lads:SensorValue"


def test_states_have_the_standards_numbers_and_only_state_nodes_have_them():
    assert set(STATES) <= {node.name for node in PROFILE.nodes}
    assert number("Running", STATES["state"]) == 5.0
    assert number("Execute", STATES["running_state"]) == 3.0
    assert number("Rumpelstiltskin", STATES["state"]) is None


def test_start_program_takes_the_standards_arguments_in_its_order():
    start = next(method for method in PROFILE.methods if method.name == "StartProgram")
    assert [argument_type(each) for each in start.inputs] == [
        ("ProgramTemplateId", "String", False), ("Properties", "KeyValueType", True), ("SupervisoryJobId", "String", False),
        ("SupervisoryTaskId", "String", False), ("Samples", "SampleInfoType", True),
    ]
    assert {kind for _, kind, _ in map(argument_type, start.inputs)} <= {"String", *STRUCTURES}


def test_streams_and_templates_are_those_of_the_valve():
    assert list(STREAMS) == [1, 2, 3, 4, 5, 6]
    assert set(SOLIDS) < set(TEMPLATES)


@pytest.mark.fault("U08")
def test_a_path_gets_the_indices_of_the_server_as_it_is_now():
    path = ("lads:FunctionalUnitSet", "CurrentState")
    assert relative_path(path, PROFILE.namespaces, [UA, "urn:a", LADS]) == ((2, "FunctionalUnitSet"), (0, "CurrentState"))
    assert relative_path(path, PROFILE.namespaces, [UA, LADS]) == ((1, "FunctionalUnitSet"), (0, "CurrentState"))
    with pytest.raises(LookupError, match="no namespace"):
        relative_path(path, PROFILE.namespaces, [UA, "urn:a"])
