"""Procedures, recipes, phases, lots and balances: synchronous and deterministic."""
