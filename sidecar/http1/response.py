"""A response's head: parsed once, as strictly as a request's. A model server that breaks the rules gets its
connection dropped and the caller a 502; its bytes are never passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import BadFraming
from sidecar.http1.fields import (
    CHUNKED,
    REDACTED,
    UNTIL_CLOSE,
    connection_tokens,
    declared_length,
    forwarded_lines,
    recorded_lines,
    values_of,
)
from sidecar.http1.hop import hop_lines, trailer_lines, upgrade_of
from sidecar.http1.syntax import Field, check_with_llhttp, split_fields, split_status_line

_KEEP_ALIVE_TIMEOUT = re.compile(rb"(?:.*[, ])?timeout=([0-9]{1,6})(?:[, ].*)?")
_NOTHING: frozenset[bytes] = frozenset()
_CONTENT_LENGTH = frozenset((b"content-length",))


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What a response's head says.

    Attributes:
        status: 100 to 599.
        body_length: bytes (0 for none), `CHUNKED` or `UNTIL_CLOSE`; for an answer to HEAD the caller of this
            ignores it.
        keep_alive: whether the upstream's connection may be used again.
        idle_s: the server's `Keep-Alive: timeout`, seconds, or None.
        forwarded: status line and the header lines that go on, without the final empty line.
        has_request_id: whether the server sent an X-Request-Id of its own.
        recorded: the head for the ring, cookies cut out.
        upgrade: what a 101 switches to, empty when it does not say so legally; who asked compares.
    """

    status: int
    body_length: int
    keep_alive: bool
    idle_s: int | None
    forwarded: bytes
    has_request_id: bool
    recorded: bytes
    upgrade: bytes


def parse_response_head(
    raw: bytes, limits: LimitsConfig, redacted: frozenset[bytes] = REDACTED
) -> ResponseHead:
    """Parses a response's head strictly.

    Args:
        raw: the head from its first byte to the empty line, both included.
        limits: how many header lines are allowed.
        redacted: lower-case names of headers that never enter the ring.

    Raises:
        BadHead, BadFraming, HeadTooLarge: the upstream broke the rules.
    """
    first, *lines = raw[:-4].split(b"\r\n")
    status, minor = split_status_line(first)
    fields = split_fields(lines, "upstream", limits.headers)
    check_with_llhttp(raw, fields, "upstream")
    tokens = connection_tokens(fields)
    body_length = _body_length(fields, status, minor)
    upgrade = upgrade_of(fields, tokens) if status == 101 else b""
    lines_of_hop = hop_lines(upgrade, False)
    if body_length == CHUNKED:
        lines_of_hop += trailer_lines(fields)
    unsaid = _CONTENT_LENGTH if status < 200 or status == 204 else _NOTHING
    return ResponseHead(
        status=status,
        body_length=body_length,
        keep_alive=body_length != UNTIL_CLOSE
        and b"close" not in tokens
        and (minor == 1 or b"keep-alive" in tokens),
        idle_s=_idle_s(fields),
        forwarded=b"HTTP/1.1" + first[8:] + b"\r\n" + forwarded_lines(fields, tokens, unsaid) + lines_of_hop,
        has_request_id=bool(values_of(fields, b"x-request-id")),
        recorded=first + b"\r\n" + recorded_lines(fields, redacted) + b"\r\n",
        upgrade=upgrade,
    )


def _body_length(fields: tuple[Field, ...], status: int, minor: int) -> int:
    """RFC 9112 section 6.3, for any request but HEAD."""
    length = declared_length(fields, "upstream")
    if length == CHUNKED and minor == 0:
        raise BadFraming("upstream", 502, "transfer-encoding: expected HTTP/1.1, got HTTP/1.0")
    if status < 200 or status == 204:
        if length:  # RFC 9110 section 8.6 forbids both; many a server says 0 with its 204
            raise BadFraming("upstream", 502, f"body: expected none with {status}, got one declared")
        return 0
    if status == 304:
        return 0
    return UNTIL_CLOSE if length is None else length


def _idle_s(fields: tuple[Field, ...]) -> int | None:
    match = _KEEP_ALIVE_TIMEOUT.fullmatch(b",".join(values_of(fields, b"keep-alive")).lower())
    return None if match is None else int(match[1])
