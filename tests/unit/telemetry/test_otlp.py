from __future__ import annotations

import io
import threading
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from sidecar.clock import SystemClock
from sidecar.log import Log
from sidecar.telemetry.environment import MetricSettings
from sidecar.telemetry.exporters import make_resource
from sidecar.telemetry.names import EXCHANGES
from sidecar.telemetry.otlp import MetricExport
from sidecar.telemetry.points import Family, single
from sidecar.telemetry.translation import Translation


class FakeExporter(MetricExporter):
    """Keeps what it gets; answers as told; may be held at a gate."""

    def __init__(self, *results: MetricExportResult) -> None:
        super().__init__()
        self.results = list(results)
        self.exported: list[Any] = []
        self.enough = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.closed = False

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        self.exported.append(
            metrics_data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0].value
        )
        if len(self.exported) >= len(self.results):
            self.enough.set()
        self.gate.wait(10)
        return self.results[len(self.exported) - 1] if len(self.exported) <= len(self.results) else SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self.closed = True
        self.gate.set()


SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE


def collect() -> list[Family]:
    return [single(EXCHANGES, 5)]


def make(exporter: FakeExporter, interval_s: float) -> MetricExport:
    translation = Translation(make_resource({}), "1", "delta", 1)
    settings = MetricSettings(True, "grpc", interval_s)
    log = Log("t", "text", io.StringIO())
    return MetricExport(collect, settings, translation, SystemClock(), log, lambda _protocol: exporter)


def test_the_last_export_comes_with_the_end() -> None:
    exporter = FakeExporter()
    export = make(exporter, 60.0)
    export.start()
    assert export.shutdown(10)
    assert exporter.exported == [5]
    assert exporter.closed
    assert (export.counts.successes, export.counts.failures) == (1, 0)


def test_only_a_success_resets_the_deltas() -> None:
    exporter = FakeExporter(FAILURE, FAILURE, SUCCESS, SUCCESS)
    export = make(exporter, 0.001)
    export.start()
    assert exporter.enough.wait(10)
    assert export.shutdown(10)
    assert exporter.exported[:4] == [5, 5, 5, 0]
    assert export.counts.failures == 2


def test_a_hanging_export_is_cut_off_at_the_deadline() -> None:
    exporter = FakeExporter(SUCCESS)
    exporter.gate.clear()
    export = make(exporter, 0.001)
    export.start()
    assert exporter.enough.wait(10)
    assert not export.shutdown(0)
    assert exporter.closed


def test_shutdown_without_start() -> None:
    assert make(FakeExporter(), 60.0).shutdown(0)
