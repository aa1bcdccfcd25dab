"""What a process loads: OpenTelemetry only when it exports, gRPC only when that is chosen."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("opentelemetry", "grpc", "numpy", "numba", "aiohttp", "msgpack")


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import sidecar.telemetry.sampling", ""),  # what a worker may import
        ("import sidecar.telemetry.environment", ""),
        ("import sidecar.telemetry.exports", ""),  # a monitor that only serves /metrics
        (
            "import sidecar.telemetry.exporters as e; e.make_metric_exporter('http/protobuf');"
            "e.make_span_exporter('http/protobuf')",
            "opentelemetry",
        ),
        (
            "import sidecar.telemetry.exporters as e; e.make_metric_exporter('grpc').shutdown()",
            "opentelemetry grpc",
        ),
    ],
)
def test_only_what_is_needed_is_loaded(code: str, loaded: str) -> None:
    asked = f"{code}; import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == loaded
