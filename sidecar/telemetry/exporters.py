"""The standard OTLP exporters: made when first needed, watched by our own counters, their warnings in our
log.

The exporters report trouble by logging a line at every try and by a return value; `force_flush` says True
even when all failed. So what counts is the return value, kept in ExportCounts, and the lines go to our log at
most once a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.version import __version__ as sdk_version

from sidecar.log import Log
from sidecar.telemetry.environment import Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter


class _ToLog(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.limited("telemetry_export_trouble", message=record.getMessage())


def route_warnings(log: Log) -> None:
    """Sends what the OpenTelemetry packages log to our log, at most one line a minute.

    A filter on a parent logger never sees its children's records, a handler does; so a handler takes
    the lines, and they go no further.

    Args:
        log: the process's log.
    """
    logger = logging.getLogger("opentelemetry")
    for handler in [handler for handler in logger.handlers if isinstance(handler, _ToLog)]:
        logger.removeHandler(handler)
    logger.addHandler(_ToLog(log))
    logger.propagate = False


def make_resource(attributes: Mapping[str, str]) -> Resource:
    """The SDK's resource.

    Args:
        attributes: from `environment.resource_attributes`.
    """
    own = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
    }
    return Resource({**own, **attributes})


# The gRPC exporter brings 20 MB of shared library and its own threads, the HTTP one `requests`: only the
# chosen one loads.
def make_metric_exporter(protocol: Protocol) -> MetricExporter:
    """The standard exporter of metrics; it reads its own OTEL_EXPORTER_OTLP_* variables.

    Args:
        protocol: transport of OTLP.
    """
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as over_grpc

        return over_grpc.OTLPMetricExporter()
    from opentelemetry.exporter.otlp.proto.http import metric_exporter as over_http

    return over_http.OTLPMetricExporter()


def make_span_exporter(protocol: Protocol) -> SpanExporter:
    """The standard exporter of spans; it reads its own OTEL_EXPORTER_OTLP_* variables.

    Args:
        protocol: transport of OTLP.
    """
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as over_grpc

        return over_grpc.OTLPSpanExporter()
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as over_http

    return over_http.OTLPSpanExporter()
