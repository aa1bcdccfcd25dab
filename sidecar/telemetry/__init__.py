"""Room: telemetry. Floor 6. Runs in: monitor (names, sampling and environment are pure and may run anywhere).
IO: OTLP exporters.
Takes Family (metric points) and SpanRecord; gives Prometheus text and OTLP exports. The only room that
knows OpenTelemetry.
"""
