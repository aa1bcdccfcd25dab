"""A worker's way to the model server: the pool in force, TLS contexts that follow their files, the health
check, and what /readyz says of it all."""

from __future__ import annotations

import asyncio
import ssl

from sidecar.config.address import TcpUpstream, UnixUpstream, parse_upstream
from sidecar.config.model import Config
from sidecar.errors import ConfigError, UpstreamError
from sidecar.http1.rules import redacted_names
from sidecar.log import Log
from sidecar.tls import FileWatch, client_context
from sidecar.upstream.dialer import Dialer
from sidecar.upstream.health_check import HealthChecker
from sidecar.upstream.pool import Pool

FRESH_S = 1.0  # an upstream that answered this recently need not be asked


class Upstreams:
    """The way to one upstream, whatever the settings become.

    Args:
        config: the settings.
        log: where to write.

    Attributes:
        pool: for exchanges that begin now.
    """

    def __init__(self, config: Config, log: Log) -> None:
        self._log = log
        self._start(config)

    def _start(self, config: Config) -> None:
        self._config = config
        address = parse_upstream(config.upstream)
        self._contexts = _Contexts(config, address, self._log)
        dialer = Dialer(
            address, config.timeouts.connect_s, self._contexts.get, config.upstream_tls.server_name
        )
        self.pool = Pool(config, dialer, redacted_names(config))
        self._checker: HealthChecker | None = None
        if config.health_check.path is not None:
            self._checker = HealthChecker(config, dialer)
            self._checker.start()

    def reload(self, config: Config) -> None:
        """Takes over other settings: a new pool for new exchanges; the old one ends with those under way."""
        if _relevant(config) == _relevant(self._config):
            self._config = config
            return
        self.close()
        self._start(config)

    def sweep(self, now_s: float) -> None:
        """Closes idle connections in time and follows changed certificates."""
        self.pool.sweep(now_s)
        self._contexts.sweep(now_s)

    def close(self) -> None:
        """No new exchange will come."""
        if self._checker is not None:
            self._checker.stop()
        self.pool.close()

    # --- readiness

    @property
    def healthy(self) -> bool:
        """What the health check says; true without one."""
        return self._checker is None or self._checker.ready

    async def unready_reason(self) -> str | None:
        """Why requests could not be answered now, or None when they could."""
        if self._checker is not None:
            return None if self._checker.ready else self._checker.reason
        if asyncio.get_running_loop().time() - self.pool.answered_s < FRESH_S:
            return None
        try:
            await self.pool.probe()
        except UpstreamError as exc:
            return str(exc)
        return None


def _relevant(config: Config) -> tuple[object, ...]:
    """The settings that a pool and its connections hold."""
    return (
        config.upstream,
        config.upstream_tls,
        config.limits,
        config.pool,
        config.retries,
        config.breaker,
        config.health_check,
        config.timeouts.connect_s,
        config.timeouts.upstream_idle_s,
        redacted_names(config),
    )


class _Contexts:
    """TLS contexts by application protocol, made anew when a file of theirs changes."""

    def __init__(self, config: Config, address: TcpUpstream | UnixUpstream, log: Log) -> None:
        self._config = config.upstream_tls
        self._wanted = isinstance(address, TcpUpstream) and address.tls
        self._log = log
        self._made: dict[str, ssl.SSLContext] = {}
        self._watch = FileWatch(
            [path for path in (self._config.ca, self._config.certificate, self._config.key) if path]
        )

    def get(self, protocol: str) -> ssl.SSLContext | None:
        """The context to connect with, None for plain text."""
        if not self._wanted:
            return None
        context = self._made.get(protocol)
        if context is None:
            context = self._made[protocol] = client_context(self._config, protocol)
        return context

    def sweep(self, now_s: float) -> None:
        """New connections use new files; ones that are wrong are told, and the old contexts stay."""
        if not self._made or not self._watch.changed(now_s):
            return
        try:
            made = {protocol: client_context(self._config, protocol) for protocol in self._made}
        except ConfigError as exc:
            self._log.warning("certificate_ignored", reason=str(exc))
            return
        self._made = made
        self._log.info("certificate_reloaded", side="upstream")
