from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode

from sidecar.log import Log
from sidecar.telemetry.environment import SpanSettings
from sidecar.telemetry.exporters import make_resource
from sidecar.telemetry.span import SpanRecord
from sidecar.telemetry.spans import SpanExport, make_readable

SPAN = SpanRecord(
    bytes(range(16)), bytes(range(8)), bytes(range(1, 9)), True, 1, 10, 20, "n", "client", (("a", 1),)
)
RESOURCE = make_resource({})


class FakeExporter(SpanExporter):
    """Keeps batches; answers as told; may be held at a gate."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.result = SpanExportResult.SUCCESS
        self.fault: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.gate.wait(10)
        if self.fault is not None:
            raise self.fault
        self.batches.append([span.name for span in spans])
        return self.result

    def shutdown(self) -> None:
        self.closed = True
        self.gate.set()


def make(exporter: FakeExporter, queue: int = 10, batch: int = 4) -> SpanExport:
    settings = SpanSettings(True, "grpc", 60.0, queue, batch)
    return SpanExport(settings, RESOURCE, "1", Log("t", "text", io.StringIO()), lambda _protocol: exporter)


def test_a_record_becomes_a_readable_span() -> None:
    span = make_readable(replace(SPAN, status="error", tracestate="v=1"), RESOURCE, InstrumentationScope("s"))
    assert span.context is not None
    assert span.context.trace_id == int.from_bytes(SPAN.trace_id, "big")
    assert span.context.trace_state is not None
    assert span.context.trace_state.to_header() == "v=1"
    assert span.parent is not None
    assert span.parent.is_remote
    assert (span.kind, span.status.status_code) == (SpanKind.CLIENT, StatusCode.ERROR)
    assert (
        make_readable(replace(SPAN, parent_span_id=None), RESOURCE, InstrumentationScope("s")).parent is None
    )


@pytest.mark.parametrize("n_spans", [0, 1, 3, 4, 5, 9])
def test_all_spans_go_in_batches_and_in_order(n_spans: int) -> None:
    exporter = FakeExporter()
    export = make(exporter)
    export.start()
    assert all(export.offer(replace(SPAN, name=str(turn))) for turn in range(n_spans))
    assert export.shutdown(10)
    assert [name for batch in exporter.batches for name in batch] == [str(turn) for turn in range(n_spans)]
    assert all(len(batch) <= 4 for batch in exporter.batches)
    assert export.counts.successes == len(exporter.batches)
    assert export.counts.dropped == 0
    assert exporter.closed == (n_spans > 0)


def test_a_failed_batch_is_lost_and_counted() -> None:
    exporter = FakeExporter()
    exporter.result = SpanExportResult.FAILURE
    export = make(exporter)
    export.start()
    for _ in range(3):
        export.offer(SPAN)
    assert export.shutdown(10)
    assert export.counts.lost == 3
    assert export.counts.successes == 0
    assert export.counts.failures == len(exporter.batches)


def test_a_fault_in_the_exporter_is_contained() -> None:
    exporter = FakeExporter()
    exporter.fault = OSError("no")
    export = make(exporter)
    export.start()
    export.offer(SPAN)
    assert export.shutdown(10)
    assert (export.counts.failures, export.counts.lost) == (1, 1)


def test_a_full_queue_refuses_while_the_exporter_hangs() -> None:
    exporter = FakeExporter()
    exporter.gate.clear()
    export = make(exporter, queue=5, batch=1)
    export.start()
    export.offer(SPAN)
    assert exporter.entered.wait(10)  # the first batch hangs outside the queue
    assert [export.offer(SPAN) for _ in range(7)] == [True] * 5 + [False] * 2
    assert not export.shutdown(0)
    assert export.counts.refused == 2
    assert export.counts.lost == 5
    assert not export.offer(SPAN)  # ending


def test_shutdown_without_start() -> None:
    assert make(FakeExporter()).shutdown(0)
