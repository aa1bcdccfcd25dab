"""Metric families of shadows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from sidecar.compare.verdict import State
from sidecar.mirror.shadow import Shadow
from sidecar.telemetry.points import Attributes, Family, Point
from sidecar.telemetry.shadow_names import (
    SHADOW_ASKED_AGAIN,
    SHADOW_COMPARED,
    SHADOW_DISAGREEMENT,
    SHADOW_ERRORS,
    SHADOW_EXCHANGES,
    SHADOW_IN_FLIGHT,
    SHADOW_LATENCY,
    SHADOW_UNCOMPARED,
    SHADOW_VERDICT,
)

SIDES = ("primary", "shadow")


def shadow_families(shadows: Sequence[Shadow]) -> list[Family]:
    """What became of the copies, and what is known of each shadow.

    Args:
        shadows: all of them.

    Returns:
        Nothing without shadows.
    """
    if not shadows:
        return []
    told = [((("shadow", shadow.config.name),), shadow.since_start()) for shadow in shadows]
    return [
        Family(SHADOW_EXCHANGES, [point for own, entry in told for point in _exchanges(own, entry)]),
        Family(SHADOW_IN_FLIGHT, [Point(own, entry["in_flight"]) for own, entry in told]),
        Family(SHADOW_COMPARED, [Point(own, entry["compared"]) for own, entry in told]),
        Family(
            SHADOW_UNCOMPARED, [point for told_of in told for point in _by_reason(*told_of, "uncompared")]
        ),
        Family(
            SHADOW_ASKED_AGAIN, [point for told_of in told for point in _by_reason(*told_of, "asked_again")]
        ),
        Family(SHADOW_DISAGREEMENT, [point for own, entry in told for point in _disagreement(own, entry)]),
        Family(
            SHADOW_ERRORS,
            [Point((*own, ("side", side)), entry["errors"][side]) for own, entry in told for side in SIDES],
        ),
        Family(SHADOW_LATENCY, [point for own, entry in told for point in _latency(own, entry)]),
        Family(
            SHADOW_VERDICT,
            [
                Point((*own, ("verdict", state)), int(entry["verdict"] == state))
                for own, entry in told
                for state in get_args(State)
            ],
        ),
    ]


def _exchanges(own: Attributes, entry: dict[str, Any]) -> list[Point]:
    return [
        Point((*own, ("mirrored", mirrored), ("reason", reason)), count)
        for mirrored, counts in (("true", entry["ended"]), ("false", entry["skipped"]))
        for reason, count in counts.items()
    ]


def _by_reason(own: Attributes, entry: dict[str, Any], name: str) -> list[Point]:
    return [Point((*own, ("reason", reason)), count) for reason, count in entry[name].items()]


def _disagreement(own: Attributes, entry: dict[str, Any]) -> list[Point]:
    """What is not known yet has no point: absent is not zero."""
    known = entry["disagreement"]
    return [
        Point((*own, ("bound", bound)), known[bound])
        for bound in ("rate", "low", "high", "noise")
        if known[bound] is not None
    ]


def _latency(own: Attributes, entry: dict[str, Any]) -> list[Point]:
    return [
        Point((*own, ("side", side), ("percentile", name)), entry["latency"][f"{side}_{name}_s"])
        for side in SIDES
        for name in ("p50", "p99")
        if entry["latency"][f"{side}_{name}_s"] is not None
    ]
