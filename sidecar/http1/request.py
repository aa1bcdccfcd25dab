"""A request's head: parsed once, strictly, into everything that forwarding and recording it need."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import BadFraming, BadHead, BodyTooLarge
from sidecar.http1.fields import (
    CHUNKED,
    connection_tokens,
    declared_length,
    forwarded_lines,
    recorded_lines,
    values_of,
)
from sidecar.http1.syntax import Field, check_with_llhttp, split_fields, split_request_line
from sidecar.http1.trace import TraceParent, parse_traceparent

REWRITTEN = frozenset((b"traceparent", b"x-request-id", b"x-forwarded-for", b"expect"))
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"))  # RFC 9110 section 9.2.2
_HOST = re.compile(rb"(?:[0-9A-Za-z\-._~%!$&'()*+,;=]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_REQUEST_ID = re.compile(rb"[!-~]{1,256}")


@dataclass(slots=True)  # never changed once made; frozen, making one would take four times as long
class RequestHead:
    """What a request's head says.

    Attributes:
        method: as sent.
        target: the request target, as sent.
        body_length: bytes (0 when there is no body), or `CHUNKED`.
        keep_alive: whether the caller's connection may be used again.
        says_keep_alive: HTTP/1.0 with `Connection: keep-alive`: the answer must say so too.
        chunks_allowed: whether the caller understands a chunked answer (HTTP/1.1).
        is_head: method HEAD: the answer has no body whatever its head says.
        idempotent: whether the request may be sent twice (RFC 9110 section 9.2.2).
        expects_continue: `Expect: 100-continue`.
        forwarded: request line and the header lines that go on, without the final empty line.
        forwarded_for: the caller's X-Forwarded-For with ", " behind it, or empty.
        request_id: the caller's X-Request-Id, or None.
        parent: the caller's span, or None.
        recorded: the head for the ring, credentials cut out.
    """

    method: bytes
    target: bytes
    body_length: int
    keep_alive: bool
    says_keep_alive: bool
    chunks_allowed: bool
    is_head: bool
    idempotent: bool
    expects_continue: bool
    forwarded: bytes
    forwarded_for: bytes
    request_id: bytes | None
    parent: TraceParent | None
    recorded: bytes


def parse_request_head(raw: bytes, limits: LimitsConfig) -> RequestHead:
    """Parses a request's head strictly.

    Args:
        raw: the head from its first byte to the empty line, both included.
        limits: what a caller may send.

    Raises:
        BadHead, BadFraming, HeadTooLarge, BodyTooLarge: with the status that answers it.
    """
    first, *lines = raw[:-4].split(b"\r\n")
    method, target, minor = split_request_line(first)
    fields = split_fields(lines, "downstream", limits.headers)
    _check_host(fields, minor)
    if method == b"CONNECT":
        raise BadHead("downstream", 501, "method: expected one that names a resource, got CONNECT")
    check_with_llhttp(raw, fields, "downstream")
    tokens = connection_tokens(fields)
    forwarded_for = b", ".join(values_of(fields, b"x-forwarded-for"))
    return RequestHead(
        method=method,
        target=target,
        body_length=_body_length(fields, minor, limits.body_bytes),
        keep_alive=b"close" not in tokens and (minor == 1 or b"keep-alive" in tokens),
        says_keep_alive=minor == 0 and b"keep-alive" in tokens,
        chunks_allowed=minor == 1,
        is_head=method == b"HEAD",
        idempotent=method in _IDEMPOTENT,
        expects_continue=minor == 1 and _expects_continue(fields),
        forwarded=method + b" " + target + b" HTTP/1.1\r\n" + _forwarded_fields(fields, tokens),
        forwarded_for=forwarded_for + b", " if forwarded_for else b"",
        request_id=read_request_id(values_of(fields, b"x-request-id")),
        parent=parse_traceparent(values_of(fields, b"traceparent")),
        recorded=first + b"\r\n" + recorded_lines(fields) + b"\r\n",
    )


def read_request_id(values: list[bytes]) -> bytes | None:
    """The caller's request id, if there is one that can be passed on.

    Args:
        values: every X-Request-Id of the head.
    """
    return values[0] if len(values) == 1 and _REQUEST_ID.fullmatch(values[0]) else None


def _check_host(fields: tuple[Field, ...], minor: int) -> None:
    hosts = values_of(fields, b"host")
    if len(hosts) > 1 or (not hosts and minor == 1):
        raise BadHead("downstream", 400, f"host: expected one Host header, got {len(hosts)}")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise BadHead("downstream", 400, "host: expected a host name or address with an optional port")


def _body_length(fields: tuple[Field, ...], minor: int, limit_bytes: int) -> int:
    length = declared_length(fields, "downstream") or 0
    if length == CHUNKED and minor == 0:
        raise BadFraming("downstream", 400, "transfer-encoding: expected HTTP/1.1, got HTTP/1.0")
    if length > limit_bytes:
        raise BodyTooLarge(
            "downstream", 413, f"content-length: expected at most {limit_bytes} bytes, got {length}"
        )
    return length


def _expects_continue(fields: tuple[Field, ...]) -> bool:
    expectations = values_of(fields, b"expect")
    if not expectations:
        return False
    if len(expectations) > 1 or expectations[0].lower() != b"100-continue":
        raise BadHead("downstream", 417, "expect: expected '100-continue', got something else")
    return True


def _forwarded_fields(fields: tuple[Field, ...], tokens: frozenset[bytes]) -> bytes:
    """Adds the lines that do not change with the connection. Via is a list: a line of ours behind theirs
    appends to it."""
    lines = forwarded_lines(fields, tokens, REWRITTEN)
    if values_of(fields, b"transfer-encoding"):
        lines += b"transfer-encoding: chunked\r\n"
    if values_of(fields, b"expect"):
        lines += b"expect: 100-continue\r\n"
    if not values_of(fields, b"x-forwarded-host"):
        lines += b"".join(
            b"x-forwarded-host: " + host + b"\r\n" for host in values_of(fields, b"host") if host
        )
    if not values_of(fields, b"x-forwarded-proto"):
        lines += b"x-forwarded-proto: http\r\n"
    return lines + b"via: 1.1 sidecar\r\n"
