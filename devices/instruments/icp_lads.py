"""ICP optical emission analyser with a multi-stream valve, seen as a LADS device over OPC UA.

One functional unit ``OES`` runs one program at a time. SupervisoryJobId is the batch, SupervisoryTaskId and SampleId are
the sample: a result is found by these, never by when it came.

Source: OPC 30500-1 v1.0.1 (LADSDeviceType, FunctionalUnitType, ProgramManagerType, ResultType, AnalogScalarSensorFunctionType);
browse names, state numbers and encodings from Opc.Ua.LADS.NodeSet2.xml 1.0.0 of 2023-11-30. The instrument behind it, its
program templates and its vendor namespace are assumed: no maker of an ICP is known to ship a LADS server.
"""

from __future__ import annotations

from devices.opcua import DI, LADS, MACHINERY, RESULT_SET
from devices.profile import Method, Node, Profile, Verified

ELEMENTS = ("Nd", "Pr", "Dy", "Tb", "Fe", "B", "Co")
RARE_EARTHS = ("Nd", "Pr", "Dy", "Tb")
VENDOR = "urn:lagan:icp-oes"

# FiniteStateMachine state numbers (StateNumber of the NodeSet).
DEVICE_STATES = {"Initialization": 1, "Operate": 2, "Sleep": 3, "Shutdown": 4}
FUNCTIONAL_STATES = {"Aborted": 1, "Aborting": 2, "Clearing": 3, "Stopped": 4, "Running": 5, "Stopping": 6}
RUNNING_STATES = {
    "Complete": 1, "Completing": 2, "Execute": 3, "Held": 4, "Holding": 5, "Idle": 6, "Resetting": 7, "Starting": 8,
    "Suspended": 9, "Suspending": 10, "Unholding": 11, "Unsuspending": 12,
}
STATES = {"device_state": DEVICE_STATES, "state": FUNCTIONAL_STATES, "running_state": RUNNING_STATES}
"""Node name -> text of its state -> number in the image."""

# Streams of valve MV-501, and what the two solids programs take.
STREAMS = {1: "R-101", 2: "R-102", 3: "R-103", 4: "TK-210", 5: "product", 6: "QC"}
TEMPLATES = {
    "LIQUOR": "Liquor by the multi-stream valve, diluted; g/L",
    "RESIDUE": "Digest of washed leach residue; kg/kg of dry solid",
    "CAKE": "Digest of filter cake; kg/kg of dry solid",
    "QC": "Check standard, blank and internal standard",
}
SOLIDS = ("RESIDUE", "CAKE")

# Limits of a quality check: key of the result's properties -> (low, high). Outside: the calibration is not proven.
CALIBRATION_QC = {
    "icv_pct": (95.0, 105.0), "ccv_pct": (90.0, 110.0), "blank_loq": (0.0, 1.0), "ccb_loq": (0.0, 1.0), "calibration_r": (0.9995, 1.0),
}
# Outside: this one sample is doubtful.
SAMPLE_QC = {
    "internal_standard_pct": (80.0, 120.0), "rsd_pct": (0.0, 2.0), "spike_pct": (85.0, 115.0), "duplicate_rpd_pct": (0.0, 5.0),
}

_DEVICE = ("di:DeviceSet", "icp:ICP")
_UNIT = (*_DEVICE, "lads:FunctionalUnitSet", "icp:OES")
_STATE = (*_UNIT, "lads:FunctionalUnitState")
_PROGRAMS = (*_UNIT, "lads:ProgramManager")
_ACTIVE = (*_PROGRAMS, "lads:ActiveProgram")

# Widest concentration the method is calibrated for, g/L in the process liquor.
_RANGES = {"Nd": 100.0, "Pr": 40.0, "Dy": 20.0, "Tb": 10.0, "Fe": 150.0, "B": 10.0, "Co": 20.0}


def _sensor(name: str, function: str, unit: str, high: float | None, variant: str = "Double", note: str = "") -> Node:
    """A sensor function of the unit; noise around zero may read down to -0.5 % of range."""
    path = (*_UNIT, "lads:FunctionSet", f"icp:{function}", "lads:SensorValue")
    return Node(name, path, variant, unit, low=None if high is None else -0.005 * high, high=high, note=note)


PROFILE = Profile(
    name="icp_lads",
    maker="assumed",
    model="ICP-OES with multi-stream valve, LADS server",
    protocol="opcua",
    source="OPC 30500-1 v1.0.1; Opc.Ua.LADS.NodeSet2.xml 1.0.0",
    verified=Verified.ASSUMED,
    namespaces={"di": DI, "machinery": MACHINERY, "lads": LADS, "icp": VENDOR},
    nodes=(
        Node("manufacturer", (*_DEVICE, "di:Identification", "di:Manufacturer"), "LocalizedText"),
        Node("model", (*_DEVICE, "di:Identification", "di:Model"), "LocalizedText"),
        Node("serial_number", (*_DEVICE, "di:Identification", "di:SerialNumber"), "String"),
        Node("software_revision", (*_DEVICE, "di:Identification", "di:SoftwareRevision"), "String"),
        Node("device_state", (*_DEVICE, "lads:DeviceState", "CurrentState"), "LocalizedText"),
        Node("state", (*_STATE, "CurrentState"), "LocalizedText"),
        Node("running_state", (*_STATE, "lads:RunningStateMachine", "CurrentState"), "LocalizedText"),
        Node("active_run", (*_ACTIVE, "lads:DeviceProgramRunId"), "String", note="run that is, or was last, active"),
        Node("active_runtime", (*_ACTIVE, "lads:CurrentRuntime"), "Double", note="ms"),
        Node("active_step", (*_ACTIVE, "lads:CurrentStepName"), "LocalizedText"),
        Node("results", (*_PROGRAMS, "lads:ResultSet"), RESULT_SET),
        Node("result_version", (*_PROGRAMS, "lads:ResultSet", "NodeVersion"), "String", note="changes with every change of the set"),
        *(_sensor(element.lower(), element, "g/L", _RANGES[element]) for element in ELEMENTS),
        _sensor("tree", "TREE", "g/L", 150.0, note="sum of the rare earths of the last liquor"),
        _sensor("stream", "Stream", "1", None, "UInt32", "stream of the last liquor result"),
        _sensor("qc_fail", "QC", "1", None, "Boolean", "the last quality check failed"),
    ),
    methods=(
        Method(
            "StartProgram", (*_STATE, "lads:StartProgram"),
            ("ProgramTemplateId:String", "Properties:KeyValueType[]", "SupervisoryJobId:String", "SupervisoryTaskId:String",
             "Samples:SampleInfoType[]"),
            ("DeviceProgramRunId:String",),
        ),
        Method("Stop", (*_STATE, "lads:Stop")),
        Method("Abort", (*_STATE, "lads:Abort")),
        Method("Clear", (*_STATE, "lads:Clear")),
    ),
    quirks=(
        "A result stands in the ResultSet from the start of its run with Stopped null; it is complete before the run is Complete.",
        "The NodeSet lists the arguments of Operational/StartProgram in another order: call FunctionalUnitState/StartProgram.",
        "The first NodeSet of LADS gives ActiveProgram no SupervisoryTaskId: an unanswered StartProgram is looked up in the ResultSet.",
    ),
)
