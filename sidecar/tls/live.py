"""Contexts that follow their files.

A change of the files makes a *new* context. Loading into the one in use would leave it broken while only one
of certificate and key has arrived, and could never take an authority away again. A server or pool is given a
`LiveContext`: connections that begin use its newest context, those that live keep theirs. The alternative
for a server, closing it and starting another one on the same socket, would reach no further.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from sidecar.config.traffic import TlsConfig, UpstreamTlsConfig
from sidecar.tls.context import client_context, server_context

LOOK_S = 1.0  # between two looks at the files
_Stamp = tuple[int, int, int] | None


class FileWatch:
    """Sees that files were replaced or written to.

    Links are followed: Kubernetes swaps a link in a path to a secret, and no file below it changes.

    Args:
        paths: the files, which need not exist.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = [Path(path) for path in paths]
        self._seen = [_stamp(path) for path in self._paths]
        self._looked_s = float("-inf")

    def changed(self, now_s: float) -> bool:
        """Whether a file is another than at the last look; looks once in `LOOK_S` at most.

        Args:
            now_s: seconds on the loop's clock.
        """
        if now_s - self._looked_s < LOOK_S:
            return False
        self._looked_s = now_s
        seen = [_stamp(path) for path in self._paths]
        changed, self._seen = seen != self._seen, seen
        return changed


class LiveContext(ssl.SSLContext):
    """Stands for the newest context made from some files, wherever an event loop wants a context.

    Event loops ask their context for one thing, `wrap_bio`, at the start of each connection; so that is what
    is passed on. The settings of this object itself are never used.

    Args:
        build: makes a context from the files.
        files: they.

    Raises:
        ConfigError: the first context cannot be made.
    """

    def __new__(cls, build: Callable[[], ssl.SSLContext], files: Sequence[str]) -> LiveContext:  # noqa: ARG004
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, build: Callable[[], ssl.SSLContext], files: Sequence[str]) -> None:
        self._watch = FileWatch(files)  # before they are read: what changes while they are is seen later
        self._build = build
        self.newest = build()

    def renew(self, now_s: float) -> bool:
        """Makes a new context if the files have changed; called as often as one likes.

        Args:
            now_s: seconds on the loop's clock.

        Returns:
            Whether there is a new one.

        Raises:
            ConfigError: they have changed and are of no use; the context before stays, until they change
                again.
        """
        if not self._watch.changed(now_s):
            return False
        self.newest = self._build()
        return True

    def follow(self, other: LiveContext) -> None:
        """From now on stands for another context's files: the settings have changed."""
        self._watch, self._build, self.newest = other._watch, other._build, other.newest

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """A connection's half of TLS, from the newest context; arguments as the standard library's."""
        return self.newest.wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def live_server_context(config: TlsConfig) -> LiveContext | None:
    """As `server_context`, following its files.

    Raises:
        ConfigError: as there.
    """
    if config.certificate is None:
        return None

    return LiveContext(
        lambda: cast(ssl.SSLContext, server_context(config)),  # there is a certificate
        _named(config.certificate, config.key, config.client_ca),
    )


def live_client_context(config: UpstreamTlsConfig, alpn: Sequence[str] = ("http/1.1",)) -> LiveContext:
    """As `client_context`, following its files.

    Raises:
        ConfigError: as there.
    """
    return LiveContext(
        lambda: client_context(config, alpn), _named(config.certificate, config.key, config.ca)
    )


def _named(*paths: str | None) -> list[str]:
    return [path for path in paths if path is not None]


def _stamp(path: Path) -> _Stamp:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
