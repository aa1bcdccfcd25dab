"""Removes the content coding of a body, with a cap on what comes out of it.

Content-Type plays no part anywhere in this room: tritonclient sends none, and some servers send a wrong
one. The path and the body's first bytes say what a body is.
"""

from __future__ import annotations

import re
import zlib

from msgspec.structs import replace

from sidecar.errors import Malformed, UnknownProtocol
from sidecar.payload.message import Message

BODY_LIMIT_BYTES = 16_777_216  # four times tap.body_limit_bytes: JSON numbers deflate to about a third
CODING_LIMIT = 3  # codings one upon the other
MEMBER_LIMIT = 16  # gzip members in a row; each costs a copy of what follows it

_GZIP = 31  # zlib's window bits: gzip container
_ZLIB = 15  # zlib container, what "deflate" means (RFC 9110 section 8.4.1.2)
_RAW = -15  # bare deflate, what some clients send under that name
_CODING = re.compile(r"[a-z0-9-]{1,16}")


def strip_coding(message: Message, *, limit_bytes: int, protocol: str) -> Message:
    """The message with an identity-coded body.

    Args:
        message: any message.
        limit_bytes: longest body that may come out.
        protocol: named in errors.

    Returns:
        The same object when it has no Content-Encoding; else a copy without that header.

    Raises:
        Malformed: the coding is broken or its content longer than the limit.
        UnknownProtocol: a coding that is not known.
    """
    header = message.headers.get("content-encoding")
    body = message.body if header is None else decode_content(message.body, header, limit_bytes, protocol)
    if len(body) > limit_bytes:
        raise Malformed(protocol, f"body: expected at most {limit_bytes} bytes, got {len(body)}")
    if header is None:
        return message
    headers = {name: value for name, value in message.headers.items() if name != "content-encoding"}
    return replace(message, headers=headers, body=body)


def decode_content(body: bytes, header: str, limit_bytes: int, protocol: str) -> bytes:
    """Undoes the codings that a Content-Encoding header lists.

    Args:
        body: as on the wire.
        header: the header's value, such as `gzip`.
        limit_bytes: longest content that may come out.
        protocol: named in errors.

    Returns:
        The content.

    Raises:
        Malformed: too many codings, broken, cut short or too long.
        UnknownProtocol: another coding than gzip, deflate or identity.
    """
    codings = [coding.strip().lower() for coding in header.split(",")]
    if len(codings) > CODING_LIMIT:
        raise Malformed(
            protocol, f"content-encoding: expected at most {CODING_LIMIT} codings, got {len(codings)}"
        )
    for coding in reversed(codings):
        if coding in ("gzip", "x-gzip"):
            body = _gunzip(body, limit_bytes, protocol)
        elif coding == "deflate":
            body = _undeflate(body, limit_bytes, protocol)
        elif coding not in ("", "identity"):
            shown = repr(coding) if _CODING.fullmatch(coding) else "another"
            raise UnknownProtocol(
                protocol, f"content-encoding: expected gzip, deflate or identity, got {shown}"
            )
    return body


def _gunzip(body: bytes, limit_bytes: int, protocol: str) -> bytes:
    content = b""
    for _ in range(MEMBER_LIMIT):
        member, body = _inflate(body, _GZIP, limit_bytes - len(content), protocol)
        content = content + member if content else member
        if not body.startswith(b"\x1f\x8b"):  # end, or padding as tape archivers leave it
            return content
    raise Malformed(protocol, f"body: expected at most {MEMBER_LIMIT} gzip members, got more")


def _undeflate(body: bytes, limit_bytes: int, protocol: str) -> bytes:
    # A zlib header is CMF 0x?8 with a check sum over two bytes; a raw stream passes for one in 1 of 31 * 16
    # cases at most, and then its own check fails.
    is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflate(body, _ZLIB if is_zlib else _RAW, limit_bytes, protocol)[0]


def _inflate(body: bytes, window_bits: int, limit_bytes: int, protocol: str) -> tuple[bytes, bytes]:
    """One compressed stream, and the bytes after it."""
    stream = zlib.decompressobj(window_bits)
    try:
        content = stream.decompress(body, limit_bytes + 1)
    except zlib.error:
        raise Malformed(protocol, "body: expected the coding of content-encoding, got other bytes") from None
    if len(content) > limit_bytes:
        raise Malformed(protocol, "body: expected content within the size limit, got more")
    if not stream.eof:
        raise Malformed(protocol, "body: expected a whole compressed stream, got its beginning")
    return content, stream.unused_data
