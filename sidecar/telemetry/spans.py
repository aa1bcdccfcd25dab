"""Span export over OTLP, in a thread of its own, behind a queue that never waits and never grows past its
limit.

Whoever has a span (already sampled) offers it; a full queue refuses, and the refusal is counted. A batch
whose export fails, after the exporter's own retries, is lost and counted: keeping it would only push out
newer spans.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from sidecar.log import Log
from sidecar.telemetry.counts import ExportCounts
from sidecar.telemetry.environment import Protocol, SpanSettings
from sidecar.telemetry.exporters import make_span_exporter
from sidecar.telemetry.span import SpanRecord

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_STATUSES = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}


def make_readable(span: SpanRecord, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    """The SDK's form of a span.

    Args:
        span: the record.
        resource: who sends.
        scope: the instrumentation scope.
    """
    trace_id = int.from_bytes(span.trace_id, "big")
    state = TraceState.from_header([span.tracestate]) if span.tracestate else None
    flags = TraceFlags(span.flags)
    parent = None
    if span.parent_span_id is not None:
        parent = SpanContext(
            trace_id, int.from_bytes(span.parent_span_id, "big"), span.parent_is_remote, flags, state
        )
    return ReadableSpan(
        name=span.name,
        context=SpanContext(trace_id, int.from_bytes(span.span_id, "big"), False, flags, state),
        parent=parent,
        resource=resource,
        attributes=dict(span.attributes),
        kind=_KINDS[span.kind],
        status=Status(_STATUSES[span.status]),
        start_time=span.start_unix_ns,
        end_time=span.end_unix_ns,
        instrumentation_scope=scope,
    )


class SpanExport:
    """Takes spans from any thread and exports them in batches.

    Args:
        settings: enabled ones, from `environment.parse_span_settings`.
        resource: who sends.
        version: version of the instrumentation scope.
        log: for faults, at most once a minute.
        make_exporter: gives the standard exporter.

    Attributes:
        counts: successes, failures and dropped spans so far.
    """

    def __init__(
        self,
        settings: SpanSettings,
        resource: Resource,
        version: str,
        log: Log,
        make_exporter: Callable[[Protocol], SpanExporter] = make_span_exporter,
    ) -> None:
        self.counts = ExportCounts("traces")
        self._settings = settings
        self._resource = resource
        self._scope = InstrumentationScope("sidecar", version)
        self._log = log
        self._make_exporter = make_exporter
        self._exporter: SpanExporter | None = None  # made in the thread: its import takes a third of a second
        self._queue: deque[SpanRecord] = deque()
        self._due = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="otlp-spans", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def offer(self, span: SpanRecord) -> bool:
        """Queues a span, never waits. Called by one thread.

        Args:
            span: a finished and sampled span.

        Returns:
            False when the queue was full or the export is ending; counted.
        """
        queued = len(self._queue)
        if queued >= self._settings.queue_spans or self._stopping:
            self.counts.refused += 1
            return False
        self._queue.append(span)
        if queued + 1 >= self._settings.batch_spans:
            self._due.set()
        return True

    def shutdown(self, deadline_s: float) -> bool:
        """Exports what is queued and ends the thread; what is left at the deadline is lost and counted.

        Args:
            deadline_s: longest time this takes, in seconds, >= 0.

        Returns:
            Whether the thread ended in time; else the exporter was cut off.
        """
        self._stopping = True
        self._due.set()
        if self._thread.ident is None:
            return True
        self._thread.join(deadline_s)
        in_time = not self._thread.is_alive()
        if not in_time:
            self.counts.lost += len(self._queue)
            self._queue.clear()
        exporter = self._exporter
        if exporter is not None:
            exporter.shutdown()
        return in_time

    def _run(self) -> None:
        while not self._stopping:
            self._due.wait(self._settings.delay_s)
            self._due.clear()
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while batch := self._take_batch():
            self._export(batch)

    def _take_batch(self) -> list[SpanRecord]:
        batch: list[SpanRecord] = []
        with suppress(IndexError):  # empty, also when `shutdown` has just given up on the rest
            while len(batch) < self._settings.batch_spans:
                batch.append(self._queue.popleft())
        return batch

    def _export(self, batch: list[SpanRecord]) -> None:
        try:
            exporter = self._exporter
            if exporter is None:
                exporter = self._exporter = self._make_exporter(self._settings.protocol)
            result = exporter.export([make_readable(span, self._resource, self._scope) for span in batch])
        except Exception as exc:  # noqa: BLE001  # one export is a place of containment: counted, logged, the batch is lost
            self._log.limited("span_export_failed", fault=type(exc).__name__, reason=str(exc))
            result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            self.counts.successes += 1
        else:
            self.counts.failures += 1
            self.counts.lost += len(batch)
