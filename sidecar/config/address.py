"""Addresses in settings: `HOST:PORT` to listen on, `http://host:port`, `https://host:port` or `unix:/path` to
connect to."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from sidecar.errors import ConfigError

_UPSTREAM = "http://host:port, https://host:port or unix:/path"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Strict, since the host goes into a Host header and a certificate check as it is: a name in ASCII (others are
# given in Punycode) or IPv6 in brackets. The standard library's parser would drop line breaks silently.
_URL = re.compile(r"(?i:(https?)://)(?:([0-9A-Za-z_.\-]+)|\[([^\[\]]+)\])(?::([0-9]{1,5}))?/?")


class ListenAddress(NamedTuple):
    """Where to listen; port 0 asks for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TcpUpstream(NamedTuple):
    """A model server on TCP, with or without TLS; `host` is without the brackets of IPv6."""

    host: str
    port: int
    tls: bool = False


class UnixUpstream(NamedTuple):
    """A model server on a unix socket."""

    path: str


Upstream = TcpUpstream | UnixUpstream


def parse_listen(text: str, path: str) -> ListenAddress:
    """Reads `HOST:PORT` or `[IPv6]:PORT`.

    Args:
        text: the setting.
        path: its name, for the error.

    Raises:
        ConfigError: not an address with a port in 0..65535.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or not port.isdecimal() or int(port) > 65535 or (":" in bare and not host.startswith("[")):
        raise ConfigError(path, "HOST:PORT", repr(text))
    return ListenAddress(bare, int(port))


def parse_upstream(text: str, path: str = "upstream", expected: str = _UPSTREAM) -> Upstream:
    """Reads `http://host[:port]`, `https://host[:port]` or `unix:/path`.

    Args:
        text: the setting.
        path: its name, for the error.
        expected: what is allowed there, for the error.

    Raises:
        ConfigError: anything else, among it a path, a query, credentials or an IPv6 zone in the URL.
    """
    if text.startswith("unix:") and len(text) > len("unix:/"):
        return UnixUpstream(text.removeprefix("unix:").removeprefix("//"))
    if "@" in text:
        raise ConfigError(path, expected, "a URL with credentials")  # which are not shown
    match = _URL.fullmatch(text)
    if match is None:
        raise ConfigError(path, expected, repr(text))
    scheme, name, literal, digits = match.groups()
    host = name.lower() if literal is None else _ipv6(literal, path)
    port = _DEFAULT_PORTS[scheme.lower()] if digits is None else int(digits)
    if not 0 < port <= 65535:
        raise ConfigError(path, "a port in 1..65535", digits)
    return TcpUpstream(host, port, scheme.lower() == "https")


def host_header(upstream: Upstream) -> bytes:
    """What a request of our own names as its Host: RFC 9112 section 3.2.

    Args:
        upstream: where the request goes; one on a unix socket has no name, so it is called localhost.

    Returns:
        Host, in brackets when it is IPv6, and the port unless it is the scheme's own.
    """
    if isinstance(upstream, UnixUpstream):
        return b"localhost"
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    is_default = upstream.port == _DEFAULT_PORTS["https" if upstream.tls else "http"]
    return (host if is_default else f"{host}:{upstream.port}").encode()


def is_loopback(address: ListenAddress) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"


def _ipv6(literal: str, path: str) -> str:
    """A zone names an interface of this machine: it has no place in a Host header or a certificate."""
    if "%" in literal:
        raise ConfigError(path, "an IPv6 address without a zone", repr(literal))
    try:
        return str(ipaddress.IPv6Address(literal))
    except ValueError:
        raise ConfigError(path, "an IPv6 address in brackets", repr(literal)) from None
