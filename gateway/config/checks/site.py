"""The scan grid and the figures of the site."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.control.conditions import ConditionError, parse


def scan_grid(draft: Draft) -> Iterator[Fault]:
    """Slower rates are whole multiples of the trip tick, and slower."""
    if draft.site is None:
        return
    scan = draft.site.scan
    for key, faster in (("fast_s", scan.trip_s), ("slow_s", scan.fast_s)):
        period = getattr(scan, key)
        ticks = period / scan.trip_s
        if abs(ticks - round(ticks)) > 1e-9 or period < faster:
            yield draft.fault(
                ("site", "scan", key), f"{period:g} s; a whole multiple of trip_s ({scan.trip_s:g} s), not below {faster:g} s, is needed"
            )


def startup(draft: Draft) -> Iterator[Fault]:
    """The start-up waits long enough for the slowest reading to come twice."""
    if draft.site is not None and draft.site.startup_timeout_s < 2 * draft.site.scan.slow_s:
        yield draft.fault(("site", "startup_timeout_s"), f"{draft.site.startup_timeout_s:g} s is less than two slow scans")


def record(draft: Draft) -> Iterator[Fault]:
    """A batch is held before everything stops, and neither because of the next scan alone."""
    if draft.site is None:
        return
    given, least = draft.site.record, 2 * draft.site.scan.trip_s
    if given.hold_s < least:
        yield draft.fault(("site", "record", "hold_s"), f"{given.hold_s:g} s is less than two trip scans ({least:g} s)")
    if given.safe_s <= given.hold_s:
        yield draft.fault(("site", "record", "safe_s"), f"{given.safe_s:g} s; more than hold_s ({given.hold_s:g} s) is needed")


def figures(draft: Draft) -> Iterator[Fault]:
    """Figures can be named in a condition and are used by someone."""
    if draft.site is None:
        return
    for name in draft.site.parameters:
        try:
            readable = parse(name).names == {name}
        except ConditionError:
            readable = False
        if not readable:
            yield draft.fault(("site", "parameters", name), f"{name!r} cannot be written in a condition: letters, digits and underscores")


def uncertain(draft: Draft) -> Iterator[Fault]:
    """Only figures that exist are uncertain."""
    for name in draft.site.uncertainty if draft.site is not None else ():
        if draft.site is not None and name not in draft.site.parameters:
            yield draft.unknown(("site", "uncertainty", name), name, draft.site.parameters, "site parameter")


CHECKS = (scan_grid, startup, record, figures, uncertain)
