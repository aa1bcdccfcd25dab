"""All exports of one process, put together from the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.clock import Clock
from sidecar.log import Log
from sidecar.telemetry.counts import export_families
from sidecar.telemetry.environment import parse_metric_settings, parse_span_settings, resource_attributes
from sidecar.telemetry.points import Collect, Family
from sidecar.telemetry.span import SpanRecord

if TYPE_CHECKING:
    from sidecar.telemetry.otlp import MetricExport
    from sidecar.telemetry.spans import SpanExport


@dataclass(frozen=True, slots=True)
class Exports:
    """The exports that the environment asked for, perhaps none.

    Args:
        own: families of everything but the exports.
        clock: for the deadline.
        metrics: None when metrics are not exported.
        spans: None when spans are not exported.
    """

    own: Collect
    clock: Clock
    metrics: MetricExport | None
    spans: SpanExport | None

    def collect(self) -> list[Family]:
        """All families, the exports' own counters included: what /metrics shows and OTLP sends."""
        return [*self.own(), *self.families()]

    def families(self) -> list[Family]:
        """The exports' own counters; none when nothing is exported."""
        return export_families([item.counts for item in (self.metrics, self.spans) if item is not None])

    def offer(self, span: SpanRecord) -> bool:
        """Queues a sampled span, never waits; False when it was not taken.

        Args:
            span: a finished span.
        """
        return self.spans is not None and self.spans.offer(span)

    def start(self) -> None:
        """Starts the export threads."""
        for item in (self.metrics, self.spans):
            if item is not None:
                item.start()

    def shutdown(self, deadline_s: float) -> bool:
        """Exports once more and ends; spans first, so that the last metrics count them.

        Args:
            deadline_s: longest time that all of it takes, in seconds, >= 0.

        Returns:
            Whether everything ended in time.
        """
        end_ns = self.clock.mono_ns() + deadline_s * 1e9
        in_time = self.spans is None or self.spans.shutdown(
            deadline_s if self.metrics is None else deadline_s / 2
        )
        if self.metrics is not None:
            in_time = self.metrics.shutdown(max(0.0, (end_ns - self.clock.mono_ns()) / 1e9)) and in_time
        return in_time


def make_exports(
    environ: Mapping[str, str],
    collect: Collect,
    *,
    version: str,
    instance_id: str,
    start_unix_ns: int,
    clock: Clock,
    log: Log,
) -> Exports:
    """Makes what the standard variables ask for; what is wrong with them is logged, never raised.

    Args:
        environ: environment variables; the standard exporters read endpoint, headers, ... from os.environ
            themselves.
        collect: thread-safe and cheap; gives all families but the exports' own.
        version: service.version.
        instance_id: service.instance.id, one for each running sidecar.
        start_unix_ns: when the counters that `collect` gives were zero.
        clock: for the time stamps.
        log: the process's log.

    Returns:
        The exports, not started.
    """
    metric_settings, span_settings = parse_metric_settings(environ), parse_span_settings(environ)
    for fault in dict.fromkeys((*metric_settings.faults, *span_settings.faults)):
        log.warning("telemetry_setting_ignored", reason=fault)
    if not (metric_settings.enabled or span_settings.enabled):
        return Exports(collect, clock, None, None)

    # OpenTelemetry costs 8 MB and 0.13 s, so a monitor that only serves /metrics does without it.
    from sidecar.telemetry.exporters import make_resource, route_warnings
    from sidecar.telemetry.otlp import MetricExport
    from sidecar.telemetry.spans import SpanExport
    from sidecar.telemetry.translation import Translation

    route_warnings(log)
    resource = make_resource(resource_attributes(environ, version=version, instance_id=instance_id))
    spans = SpanExport(span_settings, resource, version, log) if span_settings.enabled else None
    if not metric_settings.enabled:
        return Exports(collect, clock, None, spans)
    translation = Translation(resource, version, metric_settings.temporality, start_unix_ns)

    def collect_all() -> Sequence[Family]:
        return made.collect()  # the exported metrics hold the exports' own counters, hence the circle

    made = Exports(collect, clock, MetricExport(collect_all, metric_settings, translation, clock, log), spans)
    return made
