"""The copy of a request that a shadow gets.

It is the caller's request as it was recorded, which never holds credentials, with these changes: no line that
is for one hop only, the shadow's host, `x-shadow`, a trace of its own that names the primary's span in
`tracestate`, and whatever the configuration sets.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from msgspec import Struct

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.job import Job
from sidecar.payload.route import origin_form

NOISE_NAME = "primary"  # `x-shadow` of requests that the primary gets a second time

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


class Copy(Struct, frozen=True, gc=False):
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


def copy_of(job: Job, config: ShadowConfig, *, again: bool) -> Copy:
    """The copy of a job's request, with a trace of its own.

    Args:
        job: an exchange that is over.
        config: the shadow's.
        again: whether it goes to the primary a second time: as the caller sent it, but for `x-shadow`.

    Returns:
        The copy.
    """
    # Unique is enough: the system's own random bytes cost a call and a turn of the interpreter's lock
    ids = random.getrandbits(8 * 24).to_bytes(24, "big")
    return copy_request(
        job.method,
        job.target,
        job.headers,
        job.body,
        shadow=NOISE_NAME if again else config.name,
        host=None if again else config.host,
        added={} if again else config.headers,
        trace_id=ids[:16],
        primary_span_id=job.span_id,
        span_id=ids[16:],
    )


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
    if "connection" in headers:
        for token in headers["connection"].split(","):
            kept.pop(token.strip().lower(), None)
    if host is not None:
        kept["host"] = host
    kept["x-shadow"] = shadow
    kept["traceparent"] = f"00-{trace_id.hex()}-{span_id.hex()}-01"
    kept["tracestate"] = f"{TRACE_VENDOR}=primary:{primary_span_id.hex()}"
    kept.update({name.lower(): value for name, value in added.items()})
    return Copy(method, origin_form(target), kept, body)
