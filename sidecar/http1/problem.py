"""Answers that the sidecar makes itself: problem documents (RFC 9457) that say which side failed."""

from __future__ import annotations

import json
import math
from http import HTTPStatus

from sidecar.errors import Side


def encode_problem(
    status: int,
    detail: str,
    side: Side,
    request_id: bytes | None,
    *,
    close: bool,
    without_body: bool = False,
    retry_after_s: float = 1.0,
) -> bytes:
    """A whole response, head and body.

    Args:
        status: 400 to 599.
        detail: one line, without anything secret.
        side: which side is at fault.
        request_id: echoed as X-Request-Id when known.
        close: whether the connection ends behind it.
        without_body: the request was HEAD.
        retry_after_s: when to try again, for a 503; told in whole seconds, rounded up.
    """
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "side": side}
    body = json.dumps(document).encode() + b"\n"
    lines = [
        b"HTTP/1.1 %d %b" % (status, title.encode()),
        b"server: sidecar",
        b"content-type: application/problem+json",
        b"content-length: %d" % len(body),
        b"cache-control: no-store",
    ]
    if request_id is not None:
        lines.append(b"x-request-id: " + request_id)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(b"retry-after: %d" % max(1, math.ceil(retry_after_s)))
    if close:
        lines.append(b"connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if without_body else body)
