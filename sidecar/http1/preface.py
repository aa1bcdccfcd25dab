"""How an HTTP/2 connection begins (RFC 9113 section 3.4): what no HTTP/1.1 request may begin with."""

from __future__ import annotations

from typing import Final

from sidecar.config.routes import RoutePolicy
from sidecar.http1.request import RequestHead

HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PREFACE_HEAD: Final = HTTP2_PREFACE[:18]  # what the search for the end of a head finds of it
PREFACE_METHOD: Final = b"PRI"


def preface_head(policy: RoutePolicy) -> RequestHead:
    """What stands for the head of an HTTP/2 connection, which is one exchange to us.

    Args:
        policy: what holds for it; its paths are not known.
    """
    return RequestHead(
        method=PREFACE_METHOD,
        target=b"*",
        body_length=0,
        keep_alive=False,
        says_keep_alive=False,
        chunks_allowed=False,
        is_head=False,
        idempotent=False,
        expects_continue=False,
        forwarded=b"",
        forwarded_for=b"",
        request_id=None,
        parent=None,
        recorded=PREFACE_HEAD,
        policy=policy,
        upgrade=b"",
    )
