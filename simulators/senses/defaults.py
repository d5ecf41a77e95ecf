"""How the kinds of instrument on the line behave, by kind; from house domain brief 3 ("K-high" there unless marked).

Ranges are those of the instrument's span, in the unit of the variable it is bound to. A tag may override any of it in simulation.yaml.
"""

from typing import Final

from simulators.senses.sense import SenseParameters as P

DEFAULTS: Final[dict[str, P]] = {
    "ph_glass": P(tau_s=12.0, noise=0.01, drift_per_h=3.0e-4, low=-1.0, high=14.0, gain=1.0),  # 0.05 pH a week hot; tau 5-20 s
    "orp": P(tau_s=20.0, noise=3.0, drift_per_h=0.05, low=-1500.0, high=1500.0),  # tau 10-60 s, +-5 mV
    "pt100": P(tau_s=20.0, noise=0.02, low=-50.0, high=200.0),  # thermowell 15-30 s
    "radar": P(tau_s=2.0, noise=0.004, low=0.0, high=5.0),  # m; +-2 mm plus agitation 5-20 mm peak
    "level_pct": P(tau_s=2.0, noise=0.2, low=0.0, high=100.0),
    "coriolis_flow": P(tau_s=0.5, noise=0.001, low=-1.0, high=100.0),  # L/min or m3/h; 0.1 % of rate, zero 0.1-0.5 % of span
    "coriolis_density": P(tau_s=1.0, noise=0.5, low=0.0, high=3000.0),  # kg/m3
    "magnetic_flow": P(tau_s=1.0, noise=0.01, low=-1.0e4, high=1.0e4),  # m3/h or L/min, liquid and duct air: assumed
    "load_cell": P(tau_s=0.5, noise=0.2, low=-50.0, high=2500.0),  # kg; agitator 0.1-0.3 kg
    "hopper_scale": P(tau_s=0.3, noise=0.02, low=-5.0, high=300.0),  # kg: assumed
    "h2_detector": P(tau_s=6.5, noise=0.1, drift_per_h=2.7e-3, low=0.0, high=100.0),  # % LEL; T90 15 s, 2 % LEL a month
    "room_gas": P(tau_s=8.0, noise=0.1, drift_per_h=2.7e-3, low=0.0, high=100.0),
    "hcl_gas": P(tau_s=20.0, noise=0.05, low=0.0, high=100.0),  # ppm or mg/Nm3: assumed
    "oxygen": P(tau_s=8.0, noise=0.02, low=0.0, high=25.0),  # %: assumed
    "pressure_mbar": P(tau_s=0.5, noise=0.02, low=-50.0, high=50.0),  # assumed
    "pressure_bar": P(tau_s=0.3, noise=0.01, low=0.0, high=400.0),  # assumed
    "turbidity": P(tau_s=5.0, noise=0.1, low=0.0, high=1000.0),  # assumed
    "conductivity": P(tau_s=3.0, noise=0.2, low=0.0, high=1000.0),  # mS/cm: assumed
    "vfd_speed": P(tau_s=0.1, noise=0.3, low=-500.0, high=4000.0),  # rpm
    "vfd_power": P(tau_s=0.3, noise=0.01, low=0.0, high=50.0),  # kW; 1 %
    "dosing_pump": P(tau_s=0.5, noise=0.003, low=0.0, high=5.0),  # L/min; +-1 %
    "switch": P(low=0.0, high=1.0),
    "exact": P(),
}
