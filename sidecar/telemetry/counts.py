"""What became of the exports by our own count: `force_flush` says True even when all of them failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.telemetry.environment import Signal
from sidecar.telemetry.instrument import Instrument
from sidecar.telemetry.names import EXPORT_DROPPED, EXPORT_FAILURES, EXPORT_SUCCESSES
from sidecar.telemetry.points import Family, Point


@dataclass(slots=True)
class ExportCounts:
    """What became of one signal's exports. Written by that signal's threads only.

    Args:
        signal: whose.
        successes: exports that the receiver took.
        failures: exports that failed after the exporter's own retries.
        refused: items that found the queue full.
        lost: items of failed exports and of the end.
    """

    signal: Signal
    successes: int = 0
    failures: int = 0
    refused: int = 0
    lost: int = 0

    @property
    def dropped(self) -> int:
        """Items that never reached the receiver."""
        return self.refused + self.lost


def export_families(counts: Iterable[ExportCounts]) -> list[Family]:
    """The exporters' own counters, to be shown with the other families.

    Args:
        counts: one for each signal that is exported.
    """
    counts = list(counts)

    def family(instrument: Instrument, values: Iterable[int]) -> Family:
        return Family(
            instrument,
            [Point((("signal", item.signal),), value) for item, value in zip(counts, values, strict=True)],
        )

    return [
        family(EXPORT_SUCCESSES, (item.successes for item in counts)),
        family(EXPORT_FAILURES, (item.failures for item in counts)),
        family(EXPORT_DROPPED, (item.dropped for item in counts)),
    ]
