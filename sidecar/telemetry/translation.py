"""Families to the SDK's metric dataclasses, cumulative or delta.

The Python SDK has neither an asynchronous histogram nor a MetricProducer, so histograms that were counted
elsewhere reach the standard exporter only as MetricsData that we build. Temporality is ours then: cumulative
points start with the process; a delta point starts with the last export that succeeded, so a failed export's
share goes with the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sidecar.telemetry.environment import Temporality
from sidecar.telemetry.instrument import Instrument
from sidecar.telemetry.names import INTEGER_ATTRIBUTES
from sidecar.telemetry.points import Attributes, Buckets, Family, Point

Value = float | int | Buckets
Memory = dict[tuple[str, Attributes], Value]

_DELTA_KINDS: dict[Temporality, frozenset[str]] = {
    "cumulative": frozenset(),
    "delta": frozenset({"counter", "histogram"}),
    # Counters are read off running totals, as asynchronous instruments are; those stay cumulative under
    # lowmemory.
    "lowmemory": frozenset({"histogram"}),
}


@dataclass(slots=True)
class Translation:
    """Builds what is exported, and remembers for deltas what the receiver has.

    Args:
        resource: who sends.
        version: version of the instrumentation scope.
        temporality: what counters and histograms are relative to.
        start_unix_ns: when cumulative values were zero.
    """

    resource: Resource
    version: str
    temporality: Temporality
    start_unix_ns: int
    _received: Memory = field(default_factory=dict)
    _pending: Memory = field(default_factory=dict)
    _received_unix_ns: int = 0
    _pending_unix_ns: int = 0

    def build(self, families: Sequence[Family], now_unix_ns: int) -> MetricsData:
        """The export of this moment; families without points are left out.

        Args:
            families: the values now.
            now_unix_ns: time of the values.
        """
        self._pending = {}
        self._pending_unix_ns = now_unix_ns
        metrics = [self._metric(family, now_unix_ns) for family in families if family.points]
        scope = ScopeMetrics(InstrumentationScope("sidecar", self.version), metrics, "")
        return MetricsData([ResourceMetrics(self.resource, [scope], "")])

    def confirm(self) -> None:
        """The receiver has what `build` gave last: the next deltas start there."""
        self._received, self._received_unix_ns = self._pending, self._pending_unix_ns

    def _metric(self, family: Family, now_unix_ns: int) -> Metric:
        instrument = family.instrument
        is_delta = instrument.kind in _DELTA_KINDS[self.temporality]
        start_unix_ns = (self._received_unix_ns or self.start_unix_ns) if is_delta else self.start_unix_ns
        temporality = AggregationTemporality.DELTA if is_delta else AggregationTemporality.CUMULATIVE
        times = (start_unix_ns, now_unix_ns)
        values = [
            (point, self._since(instrument, point) if is_delta else point.value) for point in family.points
        ]
        data: Gauge | Sum | Histogram
        if instrument.kind == "histogram":
            data = Histogram([_histogram_point(*pair, *times) for pair in values], temporality)
        elif instrument.kind == "gauge":
            data = Gauge([_number_point(*pair, *times) for pair in values])
        else:
            data = Sum(
                [_number_point(*pair, *times) for pair in values], temporality, instrument.kind == "counter"
            )
        return Metric(instrument.name, instrument.description, instrument.unit, data)

    def _since(self, instrument: Instrument, point: Point) -> Value:
        key = (instrument.name, point.attributes)
        self._pending[key] = point.value
        return subtract(point.value, self._received.get(key))


def subtract(value: Value, earlier: Value | None) -> Value:
    """What was added since; all of it when the series is new or began again.

    Args:
        value: the total now.
        earlier: the total that the receiver has, None for a new series.
    """
    if isinstance(value, Buckets):
        if not isinstance(earlier, Buckets) or earlier.bounds != value.bounds:
            return value
        counts = tuple(now - then for now, then in zip(value.counts, earlier.counts, strict=True))
        return (
            value if min(counts) < 0 else Buckets(value.bounds, counts, value.total_sum - earlier.total_sum)
        )
    if earlier is None or isinstance(earlier, Buckets) or value < earlier:
        return value
    return value - earlier


def _typed(attributes: Attributes) -> dict[str, str | int]:
    return {
        name: int(value) if name in INTEGER_ATTRIBUTES and value.isdigit() else value
        for name, value in attributes
    }


def _number_point(point: Point, value: Value, start_unix_ns: int, now_unix_ns: int) -> NumberDataPoint:
    if isinstance(value, Buckets):
        raise TypeError(f"telemetry: expected a number, got buckets at {point.attributes!r}")
    return NumberDataPoint(_typed(point.attributes), start_unix_ns, now_unix_ns, value)


def _histogram_point(point: Point, value: Value, start_unix_ns: int, now_unix_ns: int) -> HistogramDataPoint:
    if not isinstance(value, Buckets):
        raise TypeError(f"telemetry: expected buckets, got a number at {point.attributes!r}")
    return HistogramDataPoint(
        attributes=_typed(point.attributes),
        start_time_unix_nano=start_unix_ns,
        time_unix_nano=now_unix_ns,
        count=value.count,
        sum=value.total_sum,
        bucket_counts=value.counts,
        explicit_bounds=value.bounds,
        min=None,  # type: ignore[arg-type]  # optional in OTLP; buckets do not know it, and a made-up one would be believed
        max=None,  # type: ignore[arg-type]
    )
