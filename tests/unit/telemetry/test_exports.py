from __future__ import annotations

import io

import pytest

from sidecar.clock import SystemClock
from sidecar.log import Log
from sidecar.telemetry.exports import Exports, make_exports
from sidecar.telemetry.names import LEVEL
from sidecar.telemetry.points import Family, single
from sidecar.telemetry.span import SpanRecord

SPAN = SpanRecord(bytes(16), bytes(8), None, False, 1, 1, 2, "x", "server")


def collect() -> list[Family]:
    return [single(LEVEL, 0)]


def make(environ: dict[str, str]) -> Exports:
    return make_exports(
        environ,
        collect,
        version="1",
        instance_id="i",
        start_unix_ns=1,
        clock=SystemClock(),
        log=Log("t", "text", io.StringIO()),
    )


@pytest.mark.parametrize(
    ("environ", "signals"),
    [
        ({}, []),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, ["metrics"]),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["traces"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, ["metrics", "traces"]),
    ],
)
def test_the_environment_decides(environ: dict[str, str], signals: list[str]) -> None:
    exports = make(environ)
    assert [item.counts.signal for item in (exports.metrics, exports.spans) if item is not None] == signals
    shown = exports.collect()
    assert shown[0] == single(LEVEL, 0)
    assert [len(family.points) for family in shown[1:]] == [len(signals)] * 3


def test_without_exports_everything_is_a_no_op() -> None:
    exports = make({})
    exports.start()
    assert not exports.offer(SPAN)
    assert exports.shutdown(0)
