"""Exports to a real receiver on loopback, over both transports: what arrives is what was counted."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from sidecar.clock import SystemClock
from sidecar.log import Log
from sidecar.telemetry.exports import Exports, make_exports
from sidecar.telemetry.names import (
    FEATURE_DRIFT,
    HTTP_SERVER_ACTIVE_REQUESTS,
    HTTP_SERVER_REQUEST_DURATION,
    RECORDS_DROPPED,
)
from sidecar.telemetry.points import CounterSet, Family, HistogramSet, Point, single
from sidecar.telemetry.span import SpanRecord
from tests.support.otlp_receiver import OtlpReceiver, attributes_of, receiving

START_UNIX_NS = 1_790_000_000_000_000_000
PROTOCOLS = ("http/protobuf", "grpc")
SPAN = SpanRecord(
    trace_id=bytes(range(16)),
    span_id=bytes(range(8, 16)),
    parent_span_id=bytes(range(1, 9)),
    parent_is_remote=True,
    flags=1,
    start_unix_ns=START_UNIX_NS,
    end_unix_ns=START_UNIX_NS + 3_000_000,
    name="POST /v2/models/{model}/infer",
    kind="server",
    attributes=(("http.request.method", "POST"), ("http.response.status_code", 200)),
    status="error",
    tracestate="vendor=1",
)


class Traffic:
    """Counts that a test can add to."""

    def __init__(self) -> None:
        self.durations = HistogramSet(HTTP_SERVER_REQUEST_DURATION)
        self.dropped = CounterSet(RECORDS_DROPPED)
        for value in (0.004, 0.03, 0.03, 20.0):
            self.durations.observe(
                value, (("http.request.method", "POST"), ("http.response.status_code", "200"))
            )
        self.dropped.add((("reason", "ring_full"),), 3)

    def collect(self) -> list[Family]:
        drift = (
            ("model", "m"),
            ("version", "1"),
            ("role", "input"),
            ("feature", "age"),
            ("statistic", "psi"),
        )
        return [
            self.durations.family(),
            self.dropped.family(),
            single(HTTP_SERVER_ACTIVE_REQUESTS, 2),
            Family(FEATURE_DRIFT, [Point(drift, 0.25)]),
        ]


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with receiving(with_grpc=True) as made:
        yield made


@pytest.fixture
def fresh(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> OtlpReceiver:
    receiver.answer = "ok"
    receiver.metrics.clear()
    receiver.traces.clear()
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "60000")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    return receiver


def start(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch, protocol: str, traffic: Traffic
) -> Exports:
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    exports = make_exports(
        os.environ,
        traffic.collect,
        version="1.2.3",
        instance_id="instance-1",
        start_unix_ns=START_UNIX_NS,
        clock=SystemClock(),
        log=Log("test", "text"),
    )
    exports.start()
    return exports


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_names_units_attributes_and_counts_arrive(
    fresh: OtlpReceiver, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=pod-7,service.name=hidden")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "scorer")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue")
    assert start(fresh, monkeypatch, protocol, Traffic()).shutdown(10)

    assert fresh.headers[-1].get("x-tenant") == "blue"
    resource = attributes_of(fresh.metrics[-1].resource_metrics[0].resource)
    assert resource["service.name"] == "scorer"
    assert resource["service.version"] == "1.2.3"
    assert resource["service.instance.id"] == "instance-1"
    assert resource["k8s.pod.name"] == "pod-7"

    durations = fresh.metric("http.server.request.duration")
    assert durations.unit == "s"
    assert durations.description == HTTP_SERVER_REQUEST_DURATION.description
    assert durations.histogram.aggregation_temporality == 2  # cumulative
    point = durations.histogram.data_points[0]
    assert attributes_of(point) == {"http.request.method": "POST", "http.response.status_code": 200}
    assert list(point.explicit_bounds) == list(HTTP_SERVER_REQUEST_DURATION.bounds)
    assert list(point.bucket_counts) == [1, 0, 0, 2, *[0] * 10, 1]
    assert (point.count, point.sum) == (4, pytest.approx(20.064))
    assert not point.HasField("min")
    assert point.start_time_unix_nano == START_UNIX_NS

    dropped = fresh.metric("sidecar.records.dropped")
    assert dropped.sum.is_monotonic
    assert [(attributes_of(p), p.as_int) for p in dropped.sum.data_points] == [({"reason": "ring_full"}, 3)]
    active = fresh.metric("http.server.active_requests")
    assert not active.sum.is_monotonic
    assert active.sum.data_points[0].as_int == 2
    drift = fresh.metric("model.feature.drift")
    assert drift.unit == "{score}"
    assert drift.gauge.data_points[0].as_double == 0.25


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_span_arrives_with_its_parent_and_times(
    fresh: OtlpReceiver, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    exports = start(fresh, monkeypatch, protocol, Traffic())
    assert exports.offer(SPAN)
    assert exports.shutdown(10)

    (span,) = fresh.spans()
    assert span.trace_id == SPAN.trace_id
    assert span.span_id == SPAN.span_id
    assert span.parent_span_id == SPAN.parent_span_id
    assert span.name == SPAN.name
    assert span.kind == 2  # server
    assert span.flags == 0x300  # the parent is known to be remote
    assert span.trace_state == "vendor=1"
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (SPAN.start_unix_ns, SPAN.end_unix_ns)
    assert attributes_of(span) == dict(SPAN.attributes)
    assert span.status.code == 2  # error
    exported = {
        attributes_of(p)["signal"]: p.as_int for p in fresh.metric("sidecar.export.successes").sum.data_points
    }
    assert exported == {"metrics": 0, "traces": 1}  # the last metrics count the last spans


def test_metrics_come_at_every_interval(fresh: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    exports = start(fresh, monkeypatch, "http/protobuf", Traffic())
    fresh.wait_until(lambda receiver: len(receiver.metrics) >= 3)
    assert exports.shutdown(10)


def test_a_full_batch_goes_at_once(fresh: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    exports = start(fresh, monkeypatch, "http/protobuf", Traffic())
    exports.offer(SPAN)
    exports.offer(SPAN)
    fresh.wait_until(lambda receiver: len(receiver.traces) >= 1)
    assert len(fresh.spans()) == 2
    assert exports.shutdown(10)


def test_a_partial_success_is_a_success(fresh: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh.answer = "partial"
    exports = start(fresh, monkeypatch, "http/protobuf", Traffic())
    assert exports.shutdown(10)
    assert exports.metrics is not None
    assert exports.metrics.counts.successes == 1


def test_delta_points_start_where_the_last_success_ended(
    fresh: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    traffic = Traffic()
    exports = start(fresh, monkeypatch, "http/protobuf", traffic)
    fresh.wait_until(lambda receiver: len(receiver.metrics) >= 1)
    fresh.answer = "400"  # refused for good: what it held must come with the next
    traffic.dropped.add((("reason", "ring_full"),), 5)
    refused_from = fresh.attempts
    fresh.wait_until(lambda receiver: receiver.attempts >= refused_from + 3)
    fresh.answer = "ok"
    assert exports.shutdown(10)
    points = [
        p
        for request in fresh.metrics
        for scope in request.resource_metrics[0].scope_metrics
        for metric in scope.metrics
        if metric.name == "sidecar.records.dropped"
        for p in metric.sum.data_points
    ]
    assert sum(p.as_int for p in points) == 8
    assert points[0].start_time_unix_nano == START_UNIX_NS
    for earlier, later in itertools.pairwise(points):
        assert later.start_time_unix_nano == earlier.time_unix_nano
