from __future__ import annotations

from sidecar.telemetry.counts import ExportCounts, export_families
from sidecar.telemetry.points import Point


def test_the_counts_are_families() -> None:
    metrics, traces = ExportCounts("metrics", 4, 1), ExportCounts("traces", 7, 2, refused=3, lost=5)
    shown = {family.instrument.name: family.points for family in export_families([metrics, traces])}
    of_metrics, of_traces = (("signal", "metrics"),), (("signal", "traces"),)
    assert shown == {
        "sidecar.export.successes": [Point(of_metrics, 4), Point(of_traces, 7)],
        "sidecar.export.failures": [Point(of_metrics, 1), Point(of_traces, 2)],
        "sidecar.export.dropped": [Point(of_metrics, 0), Point(of_traces, 8)],
    }


def test_no_export_has_no_points() -> None:
    assert all(not family.points for family in export_families([]))
