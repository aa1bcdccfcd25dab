"""The request target and the authority (RFC 9112 section 3.2, RFC 3986 section 3.2)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import BadHead, TargetTooLong

# Visible ASCII but `#`: a fragment never travels (Envoy refuses it, nginx cuts it off before it chooses a
# location and forwards it all the same). Bytes beyond ASCII are refused as RFC 9112 and h11 (uvicorn without
# httptools) do: what they mean depends on who decodes them.
_ORIGIN = re.compile(rb"/[!\"$-~]*")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)([/?][!\"$-~]*)?")
# Neither `,` (RFC 3986 has it; a list is what a proxy makes of two Hosts) nor an empty label between dots.
_AUTHORITY = re.compile(
    rb"(?!\.)(?:[0-9A-Za-z\-_~!$&'()*+;=]|\.(?!\.)|%[0-9A-Fa-f]{2})+(?::([0-9]{1,5}))?"
    rb"|\[[0-9A-Fa-f:.]+\](?::([0-9]{1,5}))?"
)
_BROKEN = re.compile(rb"[^?]*?%(?:00|(?![0-9A-Fa-f]{2}))")


class Target(NamedTuple):
    """Where a request goes.

    Attributes:
        origin: the target in origin form, or `*`.
        authority: what an absolute form says in place of Host, else None.
    """

    origin: bytes
    authority: bytes | None


def parse_target(method: bytes, target: bytes) -> Target:
    """Reads a request target strictly.

    Args:
        method: as sent; `*` is for OPTIONS alone.
        target: as sent.

    Raises:
        BadHead: no legal form, one that names a tunnel, a user or another scheme than http and https, a
            broken escape, or a path above the root (400).
    """
    if _ORIGIN.fullmatch(target):
        _check_path(target)
        return Target(target, None)
    if target == b"*" and method == b"OPTIONS":
        return Target(target, None)
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not is_authority(match[1]):
        raise BadHead(
            "downstream", 400, "target: expected a path or an http URL of visible ASCII without fragment"
        )
    path = match[2] or (b"*" if method == b"OPTIONS" else b"/")  # RFC 9112 section 3.2.4
    _check_path(path)
    return Target(path if path[:1] in (b"/", b"*") else b"/" + path, match[1])


def _check_path(target: bytes) -> None:
    """What nginx refuses as well: an escape that is none or stands for NUL, and a path that climbs above the
    root."""
    if b"%" in target and _BROKEN.match(target):
        raise BadHead("downstream", 400, "target: expected % with two hex digits but 00, got something else")
    if b".." not in target and b"%" not in target:
        return
    depth = 0
    for segment in unquote_to_bytes(target.partition(b"?")[0]).split(b"/"):
        depth += -1 if segment == b".." else segment not in (b"", b".")
        if depth < 0:
            raise BadHead("downstream", 400, "target: expected a path below the root, got one above it")


def check_length(target: bytes, limits: LimitsConfig) -> None:
    """Refuses a request target that is too long.

    Raises:
        TargetTooLong: longer than the limit (414).
    """
    if len(target) > limits.target_bytes:
        raise TargetTooLong(
            "downstream", 414, f"target: expected at most {limits.target_bytes} bytes, got {len(target)}"
        )


def is_authority(value: bytes) -> bool:
    """Whether a value is a host name or address with an optional port, and nothing beside it.

    Args:
        value: of a Host header or an absolute target; an empty one is legal in RFC 9110 but names nobody, and
            nginx refuses it.
    """
    match = _AUTHORITY.fullmatch(value)
    return match is not None and int(match[1] or match[2] or 0) <= 65535
