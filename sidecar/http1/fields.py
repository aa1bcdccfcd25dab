"""Which header lines are forwarded, which are read, and which never enter the ring."""

from __future__ import annotations

from typing import Final

from sidecar.errors import BadFraming, Side
from sidecar.http1.syntax import Field

# RFC 9110 section 7.6.1, with those that RFC 7230, RFC 7540 and old proxies added.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    )
)
# A sender that names one of these in Connection would have us drop what the message's meaning hangs on, or
# what a proxy before us added for the model server to trust: CVE-2022-1388 (BIG-IP: X-F5-Auth-Token) and
# CVE-2022-31813 (Apache: X-Forwarded-*) were just that. nginx never obeys Connection; we pass on what is
# named here and drop the rest, as RFC 9110 asks. A request that names X-Forwarded-* is refused, as by Envoy.
_NEVER_NAMED = frozenset(
    (
        *(
            b"host",
            b"authorization",
            b"cookie",
            b"expect",
            b"forwarded",
            b"via",
            b"origin",
            b"baggage",
            b"b3",
        ),
        *(b"traceparent", b"tracestate", b"x-request-id", b"x-correlation-id", b"x-api-key", b"x-real-ip"),
        *(b"true-client-ip", b"x-client-ip", b"x-original-url", b"x-rewrite-url", b"set-cookie", b"date"),
        *(b"cache-control", b"idempotency-key"),
    )
)
_NEVER_NAMED_PREFIXES = (
    *(b"content-", b"x-forwarded-", b"sec-", b"x-auth-", b"x-envoy-", b"x-amzn-", b"x-ssl-", b"x-client-"),
    *(b"x-b3-", b"cf-", b"if-", b"access-control-"),
)
# Credentials: forwarded as they are, never copied.
REDACTED = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"))
# Servers that follow CGI (WSGI among them) cannot tell `X_Forwarded_For` from `X-Forwarded-For`: a header
# that reads like one of these once its underscores are hyphens goes no further. nginx drops any such header.
_LOOKALIKES = HOP_BY_HOP | {b"host", b"content-length", b"content-type", b"expect", b"forwarded", b"via"}

CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

MOST_DIGITS: Final = 18  # of a length; more would not fit 64 bits


def values_of(fields: tuple[Field, ...], name: bytes) -> list[bytes]:
    """Every value of one header, in order."""
    return [value for field, value, _ in fields if field == name]


def connection_tokens(fields: tuple[Field, ...]) -> frozenset[bytes]:
    """The lower-case tokens of all Connection headers."""
    tokens = b",".join(values_of(fields, b"connection")).lower().split(b",")
    return frozenset(token.strip(b" \t") for token in tokens) - {b""}


def forwarded_lines(
    fields: tuple[Field, ...], tokens: frozenset[bytes], rewritten: frozenset[bytes]
) -> bytes:
    """The header lines that go on: in order, with their case and repeats.

    Args:
        fields: all lines of the head.
        tokens: what its Connection headers name.
        rewritten: names that the sidecar writes itself.
    """
    named = {token for token in tokens - _NEVER_NAMED if not token.startswith(_NEVER_NAMED_PREFIXES)}
    dropped = HOP_BY_HOP | named | rewritten
    return b"".join(
        line for name, _, line in fields if name not in dropped and not (b"_" in name and _is_lookalike(name))
    )


def _is_lookalike(name: bytes) -> bool:
    meant = name.replace(b"_", b"-")
    return meant in _LOOKALIKES or meant.startswith(b"x-forwarded-")


def recorded_lines(fields: tuple[Field, ...], redacted: frozenset[bytes]) -> bytes:
    """The header lines that may enter the ring.

    Args:
        fields: all lines of the head.
        redacted: lower-case names that may not, credentials among them; `_` in a name counts as `-`.
    """
    return b"".join(
        line for name, _, line in fields if name not in redacted and name.replace(b"_", b"-") not in redacted
    )


def declared_length(fields: tuple[Field, ...], side: Side) -> int | None:
    """The body's length as the head declares it.

    Returns:
        Bytes (>= 0), `CHUNKED`, or None when the head says nothing.

    Raises:
        BadFraming: both lengths, a repeated or malformed Content-Length, any transfer coding but a single
            `chunked`.
    """
    status = 400 if side == "downstream" else 502
    lengths = values_of(fields, b"content-length")
    codings = values_of(fields, b"transfer-encoding")
    if codings and lengths:
        raise BadFraming(side, status, "head: expected Content-Length or Transfer-Encoding, got both")
    if codings:
        if len(codings) == 1 and codings[0].lower() == b"chunked":
            return CHUNKED
        raise BadFraming(
            side,
            501 if side == "downstream" else 502,
            "transfer-encoding: expected 'chunked', got another coding",
        )
    if not lengths:
        return None
    length = parse_length(lengths[0]) if len(lengths) == 1 else None
    if length is None:
        raise BadFraming(side, status, "content-length: expected one decimal number, got something else")
    return length


def parse_length(value: bytes) -> int | None:
    """A Content-Length as a number, None when it is not plain decimal digits."""
    return int(value) if len(value) <= MOST_DIGITS and value.isdigit() else None
