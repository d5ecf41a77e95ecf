"""Synchronous and deterministic: state inside, inputs are arguments; no asyncio, clock, log or file."""
