"""Metric export over OTLP, in a thread of its own.

One export at a time: the thread collects, exports, then waits. A receiver that hangs holds this thread (until
the exporter's own time-out), never the monitor, and as nothing is queued nothing can grow: the next export
has the totals.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import MetricExportResult

from sidecar.clock import Clock
from sidecar.log import Log
from sidecar.telemetry.counts import ExportCounts
from sidecar.telemetry.environment import MetricSettings, Protocol
from sidecar.telemetry.exporters import make_metric_exporter
from sidecar.telemetry.points import Collect
from sidecar.telemetry.translation import Translation

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter


class MetricExport:
    """Exports what `collect` gives at every interval.

    Args:
        collect: thread-safe and cheap; called from the export thread.
        settings: enabled ones, from `environment.parse_metric_settings`.
        translation: made for this export alone.
        clock: for the time stamps.
        log: for faults, at most once a minute.
        make_exporter: gives the standard exporter.

    Attributes:
        counts: successes and failures so far.
    """

    def __init__(
        self,
        collect: Collect,
        settings: MetricSettings,
        translation: Translation,
        clock: Clock,
        log: Log,
        make_exporter: Callable[[Protocol], MetricExporter] = make_metric_exporter,
    ) -> None:
        self.counts = ExportCounts("metrics")
        self._collect = collect
        self._settings = settings
        self._translation = translation
        self._clock = clock
        self._log = log
        self._make_exporter = make_exporter
        self._exporter: MetricExporter | None = (
            None  # made in the thread: its import takes a third of a second
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)

    def start(self) -> None:
        """Starts the thread; the first export follows one interval later."""
        self._thread.start()

    def shutdown(self, deadline_s: float) -> bool:
        """Exports once more and ends the thread.

        Args:
            deadline_s: longest time this takes, in seconds, >= 0.

        Returns:
            Whether the thread ended in time; else the exporter was cut off.
        """
        self._stopping.set()
        if self._thread.ident is None:
            return True
        self._thread.join(deadline_s)
        in_time = not self._thread.is_alive()
        exporter = self._exporter
        if exporter is not None:
            exporter.shutdown(timeout_millis=0)
        return in_time

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.interval_s):
            self._export()
        self._export()

    def _export(self) -> None:
        try:
            exporter = self._exporter
            if exporter is None:
                exporter = self._exporter = self._make_exporter(self._settings.protocol)
            result = exporter.export(self._translation.build(self._collect(), self._clock.unix_ns()))
        except Exception as exc:  # noqa: BLE001  # one export is a place of containment: counted, logged, tried again later
            self.counts.failures += 1
            self._log.limited("metric_export_failed", fault=type(exc).__name__, reason=str(exc))
            return
        if result is MetricExportResult.SUCCESS:
            self._translation.confirm()
            self.counts.successes += 1
        else:
            self.counts.failures += 1
