"""Things that turn and things that open: agitator power and suspension, equal-percentage valves, pumps against a cake."""

from math import sqrt

_NU_M2_S = 1.0e-6  # kinematic viscosity of the liquor, taken constant: assumed


def just_suspended_rpm(d50_um: float, solid_kg: float, liquor_kg: float, impeller_m: float, s: float) -> float:
    """Zwietering's N_js, rpm: S nu^0.1 d^0.2 (g drho/rho)^0.45 X^0.13 / D^0.85 with X in kg solid per 100 kg liquor."""
    if solid_kg < 0.1 or liquor_kg < 1.0:
        return 0.0
    load = 100.0 * solid_kg / liquor_kg
    n = s * _NU_M2_S**0.1 * (d50_um * 1e-6) ** 0.2 * (9.81 * 3900.0 / 1100.0) ** 0.45 * load**0.13 / impeller_m**0.85
    return 60.0 * n


def suspension(rpm: float, njs_rpm: float) -> float:
    """f(N): 1 at and above N_js, falling linearly to 0.1 at rest (house domain brief 2.5)."""
    if rpm >= njs_rpm:
        return 1.0
    return 0.1 + 0.9 * rpm / njs_rpm


def agitator_kw(power_number: float, density_kg_m3: float, rpm: float, impeller_m: float, gassed: bool) -> float:
    """Shaft power, kW; 0.6 of it where hydrogen rises through the impeller."""
    n = rpm / 60.0
    power = power_number * density_kg_m3 * n * n * n * impeller_m**5 * 1e-3
    return power * 0.6 if gassed else power


def equal_percentage(position: float, rangeability: float) -> float:
    """Flow fraction of an equal-percentage valve at `position` 0..1; tight shut at the seat."""
    if position <= 0.005:
        return 0.0
    return rangeability ** (position - 1.0)


def flow_against(head_bar: float, speed: float, resistance_bar_h_m3: float) -> float:
    """Flow m3/h where a centrifugal curve head*s^2 - 0.03 Q^2 meets a linear resistance."""
    head = head_bar * speed * speed
    if head <= 0.0:
        return 0.0
    r = resistance_bar_h_m3
    return (sqrt(r * r + 0.12 * head) - r) / 0.06
