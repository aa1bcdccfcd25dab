"""A finished span as the monitor makes it, free of OpenTelemetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One finished span.

    Args:
        trace_id: 16 bytes, not all zero.
        span_id: 8 bytes, not all zero.
        parent_span_id: 8 bytes, None for a root.
        parent_is_remote: the parent is the caller's span.
        flags: W3C trace flags.
        start_unix_ns: when it began.
        end_unix_ns: when it ended.
        name: `POST /v2/models/{model}/infer`, never a raw path.
        kind: `server` towards the caller, `client` towards the model server.
        attributes: (name, value) pairs by the conventions; never payload values.
        status: `error` when our side of it failed.
        tracestate: the caller's, as it came.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None
    parent_is_remote: bool
    flags: int
    start_unix_ns: int
    end_unix_ns: int
    name: str
    kind: Literal["server", "client", "internal"]
    attributes: tuple[tuple[str, str | int | float | bool], ...] = ()
    status: Literal["unset", "ok", "error"] = "unset"
    tracestate: str = ""
