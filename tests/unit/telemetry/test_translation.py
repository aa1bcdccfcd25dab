from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Histogram, MetricsData, Sum

from sidecar.telemetry.environment import Temporality
from sidecar.telemetry.exporters import make_resource
from sidecar.telemetry.instrument import Instrument
from sidecar.telemetry.names import EXCHANGES, HTTP_SERVER_ACTIVE_REQUESTS, LEVEL, PROXY_OVERHEAD
from sidecar.telemetry.points import Attributes, Buckets, Family, Point, single
from sidecar.telemetry.translation import Translation, Value, subtract

DELTA, CUMULATIVE = AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE


def make(temporality: Temporality) -> Translation:
    return Translation(make_resource({"service.name": "s"}), "1.0", temporality, start_unix_ns=100)


def data_of(exported: MetricsData, name: str) -> Any:
    (metric,) = [m for m in exported.resource_metrics[0].scope_metrics[0].metrics if m.name == name]
    return metric.data


def counter(value: int, attributes: Attributes = ()) -> list[Family]:
    return [Family(EXCHANGES, [Point(attributes, value)])]


def test_kinds_become_the_sdk_s_kinds() -> None:
    families = [
        single(EXCHANGES, 4),
        single(HTTP_SERVER_ACTIVE_REQUESTS, 2),
        single(LEVEL, 1),
        single(PROXY_OVERHEAD, Buckets((1.0,), (2, 1), 3.5)),
        Family(Instrument("empty", "gauge", "s", "."), []),
    ]
    exported = make("cumulative").build(families, 200)
    counted, active = data_of(exported, EXCHANGES.name), data_of(exported, HTTP_SERVER_ACTIVE_REQUESTS.name)
    assert isinstance(counted, Sum)
    assert counted.is_monotonic
    assert counted.aggregation_temporality is CUMULATIVE
    assert (counted.data_points[0].start_time_unix_nano, counted.data_points[0].time_unix_nano) == (100, 200)
    assert isinstance(active, Sum)
    assert not active.is_monotonic
    assert isinstance(data_of(exported, LEVEL.name), Gauge)
    histogram = data_of(exported, PROXY_OVERHEAD.name)
    assert isinstance(histogram, Histogram)
    point = histogram.data_points[0]
    assert (point.count, point.sum, point.bucket_counts, point.explicit_bounds) == (3, 3.5, (2, 1), (1.0,))
    assert len(exported.resource_metrics[0].scope_metrics[0].metrics) == 4


def test_status_codes_are_integers() -> None:
    attributes = (("http.response.status_code", "200"), ("http.route", "200"))
    exported = make("cumulative").build(counter(1, attributes), 200)
    (point,) = data_of(exported, EXCHANGES.name).data_points
    assert point.attributes == {"http.response.status_code": 200, "http.route": "200"}


@pytest.mark.parametrize(
    ("temporality", "of_counter", "of_histogram"),
    [("cumulative", CUMULATIVE, CUMULATIVE), ("delta", DELTA, DELTA), ("lowmemory", CUMULATIVE, DELTA)],
)
def test_the_preference_is_kept(temporality: Temporality, of_counter: object, of_histogram: object) -> None:
    families = [
        single(EXCHANGES, 4),
        single(HTTP_SERVER_ACTIVE_REQUESTS, 2),
        single(PROXY_OVERHEAD, Buckets((1.0,), (2, 1), 3.5)),
    ]
    exported = make(temporality).build(families, 200)
    assert data_of(exported, EXCHANGES.name).aggregation_temporality is of_counter
    assert data_of(exported, HTTP_SERVER_ACTIVE_REQUESTS.name).aggregation_temporality is CUMULATIVE
    assert data_of(exported, PROXY_OVERHEAD.name).aggregation_temporality is of_histogram


def test_a_delta_is_relative_to_the_last_success() -> None:
    translation = make("delta")
    seen = []
    for now, total, succeeds in ((200, 5, True), (300, 9, False), (400, 12, True), (500, 12, True)):
        (point,) = data_of(translation.build(counter(total), now), EXCHANGES.name).data_points
        seen.append((point.start_time_unix_nano, point.time_unix_nano, point.value))
        if succeeds:
            translation.confirm()
    assert seen == [(100, 200, 5), (200, 300, 4), (200, 400, 7), (400, 500, 0)]


def test_series_that_are_gone_are_forgotten() -> None:
    translation = make("delta")
    for turn in range(5):
        translation.build(counter(1, (("outcome", str(turn)),)), 200 + turn)
        translation.confirm()
    assert len(translation._received) == 1


@pytest.mark.parametrize(
    ("value", "earlier", "difference"),
    [
        (5, None, 5),
        (5, 3, 2),
        (5, 7, 5),  # began again
        (Buckets((1.0,), (3, 1), 9.0), None, Buckets((1.0,), (3, 1), 9.0)),
        (Buckets((1.0,), (3, 1), 9.0), Buckets((1.0,), (1, 1), 4.0), Buckets((1.0,), (2, 0), 5.0)),
        (Buckets((1.0,), (3, 1), 9.0), Buckets((1.0,), (4, 0), 4.0), Buckets((1.0,), (3, 1), 9.0)),
        (Buckets((1.0,), (3, 1), 9.0), Buckets((2.0,), (1, 1), 4.0), Buckets((1.0,), (3, 1), 9.0)),
    ],
)
def test_subtract(value: Value, earlier: Value | None, difference: Value) -> None:
    assert subtract(value, earlier) == difference


def test_a_number_in_a_histogram_is_a_programming_fault() -> None:
    with pytest.raises(TypeError, match="expected buckets, got a number"):
        make("cumulative").build([single(PROXY_OVERHEAD, 1)], 200)
    with pytest.raises(TypeError, match="expected a number, got buckets"):
        make("cumulative").build([single(LEVEL, Buckets((1.0,), (1, 1), 1.0))], 200)
