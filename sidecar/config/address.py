"""Addresses in settings: `HOST:PORT` to listen on, `http://host:port` or `unix:/path` to connect to."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from sidecar.errors import ConfigError


class ListenAddress(NamedTuple):
    """Where to listen; port 0 asks for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TcpUpstream(NamedTuple):
    """A model server on TCP."""

    host: str
    port: int


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


def parse_upstream(text: str, path: str = "upstream") -> Upstream:
    """Reads `http://host[:port]` or `unix:/path`.

    Raises:
        ConfigError: anything else, among it a path, a query or credentials in the URL.
    """
    if text.startswith("unix:") and len(text) > len("unix:/"):
        return UnixUpstream(text.removeprefix("unix:").removeprefix("//"))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ConfigError(path, "http://host:port or unix:/path", repr(text)) from None
    if (
        parts.scheme != "http"
        or not parts.hostname
        or parts.path not in ("", "/")
        or parts.query
        or "@" in parts.netloc
    ):
        raise ConfigError(path, "http://host:port or unix:/path", repr(text))
    return TcpUpstream(parts.hostname, port if port is not None else 80)


def is_loopback(address: ListenAddress) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"
