from __future__ import annotations

import pytest

from sidecar.telemetry.environment import (
    MetricSettings,
    SpanSettings,
    parse_metric_settings,
    parse_span_settings,
    resource_attributes,
)

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}


def test_nothing_set_exports_nothing() -> None:
    assert parse_metric_settings({}) == MetricSettings(False)
    assert parse_span_settings({}) == SpanSettings(False)


@pytest.mark.parametrize(
    ("environ", "metrics", "spans"),
    [
        (ENDPOINT, True, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c/v1/metrics"}, True, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, False, True),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, True, False),
        ({"OTEL_TRACES_EXPORTER": " OTLP "}, False, True),
        (ENDPOINT | {"OTEL_METRICS_EXPORTER": "none"}, False, True),
        (ENDPOINT | {"OTEL_METRICS_EXPORTER": "prometheus,otlp"}, True, True),
        (ENDPOINT | {"OTEL_METRICS_EXPORTER": "prometheus"}, False, True),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "1"}, True, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, False),
    ],
)
def test_what_switches_export_on(environ: dict[str, str], metrics: bool, spans: bool) -> None:
    assert parse_metric_settings(environ).enabled == metrics
    assert parse_span_settings(environ).enabled == spans
    assert parse_metric_settings(environ).faults == ()


def test_the_signal_s_own_protocol_wins() -> None:
    environ = ENDPOINT | {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
    }
    assert parse_metric_settings(environ).protocol == "http/protobuf"
    assert parse_span_settings(environ).protocol == "grpc"


def test_an_unknown_protocol_switches_export_off_and_says_so() -> None:
    settings = parse_metric_settings(ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})
    assert not settings.enabled
    assert settings.faults == (
        "OTEL_EXPORTER_OTLP_PROTOCOL: expected one of ['grpc', 'http/protobuf'], got 'http/json'",
    )


def test_numbers_and_preferences_are_read() -> None:
    environ = ENDPOINT | {
        "OTEL_METRIC_EXPORT_INTERVAL": "250",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "Delta",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BSP_MAX_QUEUE_SIZE": "40",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "50",
    }
    assert parse_metric_settings(environ) == MetricSettings(True, "http/protobuf", 0.25, "delta")
    assert parse_span_settings(environ) == SpanSettings(True, "http/protobuf", 0.1, 40, 40)


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "soon", "²"])
def test_a_bad_number_is_a_fault_and_the_default_holds(text: str) -> None:
    settings = parse_metric_settings(ENDPOINT | {"OTEL_METRIC_EXPORT_INTERVAL": text})
    assert settings.interval_s == 60.0
    assert settings.faults == (f"OTEL_METRIC_EXPORT_INTERVAL: expected a whole number above 0, got {text!r}",)


def test_an_unknown_exporter_and_temporality_are_faults() -> None:
    environ = ENDPOINT | {
        "OTEL_METRICS_EXPORTER": "otlp,console",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "often",
    }
    settings = parse_metric_settings(environ)
    assert settings.enabled
    assert settings.temporality == "cumulative"
    assert settings.faults == (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "
        "expected one of ['cumulative', 'delta', 'lowmemory'], got 'often'",
        "OTEL_METRICS_EXPORTER: expected one of ['none', 'otlp', 'prometheus'], got 'console'",
    )


def test_the_queue_has_a_ceiling() -> None:
    assert parse_span_settings({"OTEL_BSP_MAX_QUEUE_SIZE": "999999999"}).queue_spans == 65_536


@pytest.mark.parametrize(
    ("environ", "changed"),
    [
        ({}, {}),
        ({"OTEL_SERVICE_NAME": "a", "OTEL_RESOURCE_ATTRIBUTES": "service.name=b"}, {"service.name": "a"}),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": " k = a%2Cb , bad, =x,service.name=c"},
            {"k": "a,b", "service.name": "c"},
        ),
    ],
)
def test_resource_attributes(environ: dict[str, str], changed: dict[str, str]) -> None:
    own = {"service.name": "sidecar", "service.version": "1", "service.instance.id": "i"}
    assert resource_attributes(environ, version="1", instance_id="i") == own | changed
