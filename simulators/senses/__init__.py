"""What an instrument makes of the truth: lag, dead time, noise, drift, range and ways to fail."""

from simulators.senses.defaults import DEFAULTS
from simulators.senses.sense import Failure, Sense, SenseParameters

__all__ = ["DEFAULTS", "Failure", "Sense", "SenseParameters"]
