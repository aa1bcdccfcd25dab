"""The copy of a request that a shadow gets.

It is the caller's request as it was recorded, which never holds credentials, with these changes: no line that
is for one hop only, the shadow's host, `x-shadow`, a trace of its own that names the primary's span in
`tracestate`, and whatever the configuration sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_LEFT_OUT = CREDENTIALS | {
    "connection",
    "content-length",  # the sender writes its own
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "x-shadow",
}
TRACE_VENDOR = "sidecar"


@dataclass(frozen=True, slots=True)
class Copy:
    """A request to send.

    Args:
        method: as the caller's.
        target: path and query, to be put behind the shadow's URL.
        headers: lower-case names.
        body: as the caller's.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def copy_request(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    shadow: str,
    host: str | None,
    added: Mapping[str, str],
    trace_id: bytes,
    primary_span_id: bytes,
    span_id: bytes,
) -> Copy:
    """The copy of a request.

    Args:
        method: of the caller's request.
        target: likewise; of an absolute one the path and query are taken.
        headers: lower-case names.
        body: decoded from its transfer coding.
        shadow: the shadow's name.
        host: Host header; None leaves it to the sender.
        added: headers that are set, whatever the caller sent.
        trace_id: 16 bytes, the shadow's own.
        primary_span_id: 8 bytes, the span of the request to the primary.
        span_id: 8 bytes.

    Returns:
        The copy.
    """
    kept = {name: value for name, value in headers.items() if name not in _LEFT_OUT}
    named = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    kept = {name: value for name, value in kept.items() if name not in named}
    if host is not None:
        kept["host"] = host
    kept["x-shadow"] = shadow
    kept["traceparent"] = f"00-{trace_id.hex()}-{span_id.hex()}-01"
    kept["tracestate"] = f"{TRACE_VENDOR}=primary:{primary_span_id.hex()}"
    kept.update({name.lower(): value for name, value in added.items()})
    return Copy(method, _origin_form(target), kept, body)


def _origin_form(target: str) -> str:
    if target.startswith("/"):
        return target
    if "://" not in target:
        return f"/{target}"  # put behind a URL, another begin could change the host
    return "/" + target.partition("://")[2].partition("/")[2]
