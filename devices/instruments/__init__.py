"""The instruments the plant knows, by profile name: one file each, gathered here by hand."""

from __future__ import annotations

from devices.instruments import (
    abb_acs580,
    adam,
    eurotherm_epc3016,
    grundfos_cim,
    hamilton_arc,
    honeywell_xnx,
    icp_lads,
    liquiline_cm44x,
    promass_300,
    prominent_gamma_x,
    sensepoint_xrl,
    vegapuls_c21,
)
from devices.profile import Profile

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        abb_acs580.PROFILE,
        adam.ADAM_5000_TCP,
        adam.ADAM_6017,
        adam.ADAM_6024,
        eurotherm_epc3016.PROFILE,
        grundfos_cim.PROFILE,
        hamilton_arc.ORP_PROFILE,
        hamilton_arc.PH_PROFILE,
        honeywell_xnx.PROFILE,
        icp_lads.PROFILE,
        liquiline_cm44x.PROFILE,
        promass_300.PROFILE,
        prominent_gamma_x.PROFILE,
        sensepoint_xrl.PPM_PROFILE,
        sensepoint_xrl.PROFILE,
        vegapuls_c21.PROFILE,
    )
}
