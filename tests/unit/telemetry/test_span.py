from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from sidecar.telemetry.span import SpanRecord


def test_a_span_cannot_be_changed() -> None:
    span = SpanRecord(bytes(16), bytes(8), None, False, 1, 1, 2, "x", "server")
    with pytest.raises(FrozenInstanceError):
        span.name = "y"  # type: ignore[misc]
    assert span.status == "unset"
