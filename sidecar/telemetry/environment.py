"""What the standard OTEL_* variables ask for. Pure and free of OpenTelemetry.

Only what the exporters do not read themselves: whether and how often to export, over which protocol, the
queue of spans, the resource. Endpoint, headers, certificates, compression and time-out are the standard
exporters' own business. A bad value is a fault to log, and the default is used: the specification asks that
telemetry never stops a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote

Signal = Literal["metrics", "traces"]
Protocol = Literal["grpc", "http/protobuf"]
Temporality = Literal["cumulative", "delta", "lowmemory"]

PROTOCOLS: tuple[Protocol, ...] = ("grpc", "http/protobuf")
TEMPORALITIES: tuple[Temporality, ...] = ("cumulative", "delta", "lowmemory")
DEFAULT_SERVICE_NAME = "sidecar"
LONGEST_QUEUE = 65_536  # spans; a longer queue would not survive the memory limit of a sidecar


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """How metrics are exported.

    Args:
        enabled: whether at all.
        protocol: transport of OTLP.
        interval_s: time between two exports, > 0.
        temporality: what counters and histograms are relative to.
        faults: what was wrong with the variables, one line each.
    """

    enabled: bool
    protocol: Protocol = "http/protobuf"
    interval_s: float = 60.0
    temporality: Temporality = "cumulative"
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpanSettings:
    """How spans are exported.

    Args:
        enabled: whether at all.
        protocol: transport of OTLP.
        delay_s: longest time that a span waits for its batch, > 0.
        queue_spans: most spans that wait; further ones are dropped and counted.
        batch_spans: most spans in an export.
        faults: what was wrong with the variables, one line each.
    """

    enabled: bool
    protocol: Protocol = "http/protobuf"
    delay_s: float = 5.0
    queue_spans: int = 2048
    batch_spans: int = 512
    faults: tuple[str, ...] = ()


def parse_metric_settings(environ: Mapping[str, str]) -> MetricSettings:
    """Reads the variables of metric export.

    Args:
        environ: environment variables.
    """
    faults: list[str] = []
    protocol, usable = _parse_protocol(environ, "METRICS", faults)
    interval_ms = _parse_count(environ, "OTEL_METRIC_EXPORT_INTERVAL", 60_000, faults)
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    temporality = environ.get(name, "").strip().lower() or "cumulative"
    if temporality not in TEMPORALITIES:
        faults.append(f"{name}: expected one of {list(TEMPORALITIES)}, got {temporality!r}")
        temporality = "cumulative"
    enabled = _is_enabled(environ, "METRICS", faults) and usable
    return MetricSettings(
        enabled, protocol, interval_ms / 1000, cast(Temporality, temporality), tuple(faults)
    )


def parse_span_settings(environ: Mapping[str, str]) -> SpanSettings:
    """Reads the variables of span export.

    Args:
        environ: environment variables.
    """
    faults: list[str] = []
    protocol, usable = _parse_protocol(environ, "TRACES", faults)
    delay_ms = _parse_count(environ, "OTEL_BSP_SCHEDULE_DELAY", 5000, faults)
    queue = min(_parse_count(environ, "OTEL_BSP_MAX_QUEUE_SIZE", 2048, faults), LONGEST_QUEUE)
    batch = min(_parse_count(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, faults), queue)
    enabled = _is_enabled(environ, "TRACES", faults) and usable
    return SpanSettings(enabled, protocol, delay_ms / 1000, queue, batch, tuple(faults))


def resource_attributes(environ: Mapping[str, str], *, version: str, instance_id: str) -> dict[str, str]:
    """Attributes that say who sends.

    Args:
        environ: OTEL_RESOURCE_ATTRIBUTES (`key=value,...`, percent-encoded) and OTEL_SERVICE_NAME, which
            wins.
        version: service.version unless the variables say otherwise.
        instance_id: service.instance.id unless the variables say otherwise; one for each running sidecar.
    """
    attributes = {
        "service.name": DEFAULT_SERVICE_NAME,
        "service.version": version,
        "service.instance.id": instance_id,
    }
    for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = pair.partition("=")
        if equals and key.strip():
            attributes[unquote(key.strip())] = unquote(value.strip())
    name = environ.get("OTEL_SERVICE_NAME", "").strip()
    if name:
        attributes["service.name"] = name
    return attributes


def _is_enabled(environ: Mapping[str, str], signal: str, faults: list[str]) -> bool:
    """Export was asked for: by name, or by an endpoint that this signal would use."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    names = [
        name.strip().lower() for name in environ.get(f"OTEL_{signal}_EXPORTER", "").split(",") if name.strip()
    ]
    if not names:
        endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
        return any(environ.get(name, "").strip() for name in endpoints)
    # Prometheus is always served at /metrics, so asking for it is no fault.
    known = {"otlp", "none"} | ({"prometheus"} if signal == "METRICS" else set())
    faults.extend(
        f"OTEL_{signal}_EXPORTER: expected one of {sorted(known)}, got {name!r}"
        for name in names
        if name not in known
    )
    return "otlp" in names and "none" not in names


def _parse_protocol(environ: Mapping[str, str], signal: str, faults: list[str]) -> tuple[Protocol, bool]:
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        value = environ.get(name, "").strip().lower()
        if value in PROTOCOLS:
            return value, True
        if value:
            faults.append(f"{name}: expected one of {list(PROTOCOLS)}, got {value!r}")
            return "http/protobuf", False  # an endpoint of another protocol would only refuse what we send
    return "http/protobuf", True


def _parse_count(environ: Mapping[str, str], name: str, default: int, faults: list[str]) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        faults.append(f"{name}: expected a whole number above 0, got {text!r}")
        return default
    return int(text)
