"""Callers' addresses as records hold them."""

from __future__ import annotations

import socket

from sidecar.ring.record import NO_ADDRESS

_MAPPED = b"\0" * 10 + b"\xff\xff"  # IPv4 within IPv6, RFC 4291 section 2.5.5.2


def packed_address(host: str) -> bytes:
    """An address as 16 bytes.

    Args:
        host: IPv4 or IPv6 in text; a zone (`fe80::1%eth0`) is left out.

    Returns:
        IPv6, or IPv4 as ::ffff:a.b.c.d; `NO_ADDRESS` for what is neither.
    """
    try:
        if ":" in host:
            return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        return _MAPPED + socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return NO_ADDRESS
