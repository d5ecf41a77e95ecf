"""A plant made from its configuration: the one place where objects are wired to one another."""

from __future__ import annotations

from gateway.plant.wiring import Plant, build, deadbands

__all__ = ["Plant", "build", "deadbands"]
