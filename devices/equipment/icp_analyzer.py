"""ICP analyser with its multi-stream valve: results come as documents, its state and valve as values."""

from __future__ import annotations

from devices.equipment.role import SUSPENSIONS, SWITCH, EquipmentClass, measured

ICP_ANALYZER = EquipmentClass(
    name="icp_analyzer",
    description="ICP-OES with multi-stream valve (LADS device)",
    roles=(
        measured("state", SWITCH, "functional unit state", required=False),
        measured("running_state", SWITCH, "state of the running program", required=False),
        measured("stream", SWITCH, "selected stream of the multi-stream valve", required=False),
        measured("qc_fail", SWITCH, "1 when a quality check failed", required=False),
        *(measured(element.lower(), ("density",), f"{element} in the last result", required=False)
          for element in ("Nd", "Pr", "Dy", "Tb", "Fe", "B", "Co")),
        measured("tree", ("density",), "total rare earths in the last result", required=False),
        measured("purity", ("fraction",), "relative purity computed from the last result", required=False),
        *SUSPENSIONS,
    ),
    alarms=("analyser_qc_failed", "analyser_lost"),
)
