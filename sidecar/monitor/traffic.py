"""HTTP metrics and spans, from the records of exchanges: the worker measures, the monitor counts.

Traffic meters see every exchange whose record reached the ring, whatever became of its payload.

A WebSocket is a request with status 101 that lasted as long as it was open, as the conventions have it; its
bytes are no body. An HTTP/2 connection that was passed through is no request at all: only its outcome counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from sidecar.config.address import TcpUpstream, Upstream
from sidecar.ring.record import Outcome
from sidecar.telemetry.attributes import normalise_method, normalise_route, server_attributes
from sidecar.telemetry.names import (
    ERROR_TYPE,
    EXCHANGES,
    HTTP_CLIENT_REQUEST_DURATION,
    HTTP_SERVER_REQUEST_BODY_SIZE,
    HTTP_SERVER_REQUEST_DURATION,
    HTTP_SERVER_RESPONSE_BODY_SIZE,
    METHOD,
    PROTOCOL_VERSION,
    PROXY_OVERHEAD,
    SCHEME,
    SERVER_ADDRESS,
    SERVER_PORT,
    STATUS_CODE,
)
from sidecar.telemetry.points import Attributes, CounterSet, Family, HistogramSet, Point, folded_points
from sidecar.telemetry.span import SpanRecord

_OUTCOMES: dict[Outcome, Attributes] = {outcome: (("outcome", outcome.name.lower()),) for outcome in Outcome}
_S = 1e-9
HTTP2_PREFACE_METHOD = "PRI"  # of `PRI * HTTP/2.0`, RFC 9113 section 3.4


class Ended(NamedTuple):
    """What a final record says of an exchange beyond its bodies.

    Attributes:
        method, path: of the request; the path without query.
        status: what the caller got, 0 when nothing.
        outcome: how it ended.
        start_unix_ns: wall time of the request's head.
        forwarded_ns, first_byte_ns, end_ns: since then; 0 when it never came to that.
        whole_answer: the answer came in one piece.
        request_bytes, response_bytes: true sizes of the bodies.
        tunnel: it became one.
    """

    method: str
    path: str
    status: int
    outcome: Outcome
    start_unix_ns: int
    forwarded_ns: int
    first_byte_ns: int
    end_ns: int
    whole_answer: bool
    request_bytes: int
    response_bytes: int
    tunnel: bool = False

    @property
    def is_request(self) -> bool:
        """False for an HTTP/2 connection, whose preface stands in for a head."""
        return not (self.tunnel and self.method == HTTP2_PREFACE_METHOD)

    @property
    def error(self) -> str | None:
        """A fixed word for how it failed, None when it did not."""
        return None if self.outcome == Outcome.OK else self.outcome.name.lower()


class TrafficMeters:
    """Accumulates the HTTP metrics; written by the intake thread only.

    Args:
        upstream: for the client metrics' attributes.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._server = HistogramSet(HTTP_SERVER_REQUEST_DURATION)
        self._client = HistogramSet(HTTP_CLIENT_REQUEST_DURATION)
        self._request_size = HistogramSet(HTTP_SERVER_REQUEST_BODY_SIZE)
        self._response_size = HistogramSet(HTTP_SERVER_RESPONSE_BODY_SIZE)
        self._overhead = HistogramSet(PROXY_OVERHEAD)
        self._outcomes = CounterSet(EXCHANGES)
        self._place = _upstream_place(upstream)

    def observe(self, ended: Ended) -> None:
        """Counts one exchange."""
        self._outcomes.add(_OUTCOMES[ended.outcome])
        if not ended.is_request:
            return
        method, route = normalise_method(ended.method), normalise_route(ended.path)
        attributes = server_attributes(method, route, ended.status, ended.error)
        self._server.observe(ended.end_ns * _S, attributes)
        if not ended.tunnel:
            self._request_size.observe(ended.request_bytes, attributes)
            self._response_size.observe(ended.response_bytes, attributes)
        if ended.forwarded_ns:
            self._client.observe(
                (ended.end_ns - ended.forwarded_ns) * _S,
                _client_attributes(method, self._place, ended.status, ended.error),
            )
        if ended.outcome == Outcome.OK and ended.first_byte_ns:
            self._overhead.observe(overhead_ns(ended) * _S)

    def families(self) -> list[Family]:
        """All of them now, as copies."""
        sets = (
            self._server,
            self._client,
            self._request_size,
            self._response_size,
            self._overhead,
            self._outcomes,
        )
        return [item.family() for item in sets]

    def folded(self) -> list[Point]:
        """Points that say which instruments have folded attribute sets together."""
        sets: Sequence[HistogramSet | CounterSet] = (self._server, self._client, self._outcomes)
        return folded_points(sets)


def overhead_ns(ended: Ended) -> int:
    """Time inside the sidecar: until the request went upstream, and from the answer's arrival until it was
    sent on.

    The second part is known for an answer that came in one piece; a streamed one lasts as long as the model
    takes.
    """
    return ended.forwarded_ns + (ended.end_ns - ended.first_byte_ns if ended.whole_answer else 0)


def span_of(
    ended: Ended, trace_id: bytes, span_id: bytes, parent_span_id: bytes, trace_flags: int
) -> SpanRecord:
    """The exchange's server span.

    Args:
        ended: the exchange.
        trace_id, span_id, parent_span_id: 16, 8 and 8 bytes; the last all zero when the caller sent none.
        trace_flags: W3C.
    """
    method, route = normalise_method(ended.method), normalise_route(ended.path)
    attributes: list[tuple[str, str | int | float | bool]] = [
        *server_attributes(method, route, ended.status, ended.error),
        ("http.request.body.size", ended.request_bytes),
        ("http.response.body.size", ended.response_bytes),
        ("sidecar.upstream.duration", max(0, ended.end_ns - ended.forwarded_ns) * _S),
    ]
    failed = ended.status >= 500 or ended.outcome not in (Outcome.OK, Outcome.CALLER_GONE)
    has_parent = any(parent_span_id)
    return SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id if has_parent else None,
        parent_is_remote=has_parent,
        flags=trace_flags,
        start_unix_ns=ended.start_unix_ns,
        end_unix_ns=ended.start_unix_ns + ended.end_ns,
        name=f"{method} {route}",
        kind="server",
        attributes=tuple(attributes),
        status="error" if failed else "unset",
    )


def _upstream_place(upstream: Upstream) -> tuple[str, str]:
    return (upstream.host, str(upstream.port)) if isinstance(upstream, TcpUpstream) else (upstream.path, "")


@lru_cache(maxsize=4096)
def _client_attributes(method: str, place: tuple[str, str], status: int, error: str | None) -> Attributes:
    pairs = [(METHOD, method), (SERVER_ADDRESS, place[0])]
    if place[1]:
        pairs.append((SERVER_PORT, place[1]))
    pairs.append((SCHEME, "http"))
    if status:
        pairs.append((STATUS_CODE, str(status)))
    if error is not None or status >= 500:
        pairs.append((ERROR_TYPE, error if error is not None else str(status)))
    pairs.append((PROTOCOL_VERSION, "1.1"))
    return tuple(pairs)
