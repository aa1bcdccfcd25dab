"""What is agreed for one hop and made anew for the next: upgrades, TE, trailers (RFC 9110 section 7.6)."""

from __future__ import annotations

import re

from sidecar.http1.fields import values_of
from sidecar.http1.syntax import Field

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PROTOCOL = re.compile(_TOKEN + rb"(?:/" + _TOKEN + rb")?")
_TRAILER = re.compile(_TOKEN + rb"(?:[ \t]*,[ \t]*" + _TOKEN + rb")*")


def upgrade_of(fields: tuple[Field, ...], tokens: frozenset[bytes]) -> bytes:
    """The protocols that a head asks for, or that a 101 names.

    `h2c` is left out: RFC 9113 section 3.1 took it back, and a server that obeys it would leave the proxy
    blind to every request behind the first (h2c smuggling).

    Args:
        fields: all lines of the head.
        tokens: what its Connection headers name.

    Returns:
        As sent, joined by ", "; empty when none, when Connection does not name Upgrade, or when one is no
        protocol name at all.
    """
    if b"upgrade" not in tokens:
        return b""
    names = [name.strip(b" \t") for value in values_of(fields, b"upgrade") for name in value.split(b",")]
    if not all(map(_PROTOCOL.fullmatch, names)):
        return b""
    return b", ".join(name for name in names if name.lower().partition(b"/")[0] != b"h2c")


def may_switch(asked: bytes, granted: bytes) -> bool:
    """Whether a 101 names exactly one protocol, and one that was asked for.

    Args:
        asked: as `upgrade_of` gives it of the request.
        granted: as `upgrade_of` gives it of the 101.
    """
    return granted.lower() in {name.strip(b" ") for name in asked.lower().split(b",")} - {b""}


def wants_trailers(fields: tuple[Field, ...]) -> bool:
    """Whether the sender takes trailer fields (`TE: trailers`); other values of TE end here."""
    values = b",".join(values_of(fields, b"te")).lower().split(b",")
    return any(value.strip(b" \t") == b"trailers" for value in values)


def hop_lines(upgrade: bytes, te: bool) -> bytes:
    """The lines that ask the next hop for what the last one was asked for.

    Args:
        upgrade: protocols, or empty.
        te: whether trailers are wanted.
    """
    if upgrade:
        named = b"connection: upgrade, te\r\n" if te else b"connection: upgrade\r\n"
        lines = named + b"upgrade: " + upgrade + b"\r\n"
    else:
        lines = b"connection: te\r\n" if te else b""
    return lines + b"te: trailers\r\n" if te else lines


def trailer_lines(fields: tuple[Field, ...]) -> bytes:
    """The Trailer headers of a chunked message: which fields will follow its body."""
    return b"".join(
        b"trailer: " + value + b"\r\n" for value in values_of(fields, b"trailer") if _TRAILER.fullmatch(value)
    )
