"""A worker's way to the model server: the pool in force, TLS contexts that follow their files, the health
check, and what /readyz says of it all."""

from __future__ import annotations

import asyncio

from sidecar.config.address import parse_upstream
from sidecar.config.model import Config
from sidecar.errors import ConfigError, Side, UpstreamError
from sidecar.http1.rules import redacted_names
from sidecar.log import Log
from sidecar.tls import LiveContext
from sidecar.upstream.dial import Dialer
from sidecar.upstream.health_check import HealthChecker, HealthState
from sidecar.upstream.pool import Pool
from sidecar.upstream.tasks import keep

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
        self._config = config
        self._checker: HealthChecker | None = None
        self._dialer = Dialer(parse_upstream(config.upstream), config)
        self.pool = Pool(config, self._dialer, redacted_names(config))
        self._start_checking()

    def reload(self, config: Config) -> None:
        """Takes over other settings: a new pool for new exchanges; the old one ends with those under way.

        Raises:
            ConfigError: a file of TLS cannot be used; everything stays as it was.
        """
        before = self._config
        if _of_pool(config) == _of_pool(before):
            self._config = config
            return
        self._dialer = Dialer(parse_upstream(config.upstream), config)
        self._config = config
        old, self.pool = self.pool, Pool(config, self._dialer, redacted_names(config))
        old.close()
        if _of_check(config) != _of_check(before):
            self._stop_checking()
            self._start_checking()

    def _start_checking(self) -> None:
        config = self._config
        check = config.health_check
        if check.path is not None:
            address, connect = parse_upstream(config.upstream), self._dialer.connect
            self._checker = HealthChecker(check.path, check, address, config.limits, connect, self._tell)
            keep(self._checker.run())

    def _stop_checking(self) -> None:
        if self._checker is not None:
            self._checker.stop()
            self._checker = None

    def _tell(self, health: HealthState) -> None:
        if health.ready:
            self._log.info("upstream_healthy")
        else:
            self._log.warning("upstream_unhealthy", reason=health.reason)

    def sweep(self, now_s: float) -> None:
        """Closes idle connections in time and follows changed certificates."""
        self.pool.sweep(now_s)
        for context in self._dialer.contexts.values():
            renew(context, "upstream", now_s, self._log)

    def close(self) -> None:
        """No new exchange will come."""
        self._stop_checking()
        self.pool.close()

    # --- readiness

    @property
    def healthy(self) -> bool:
        """What the health check says; true without one."""
        return self._checker is None or self._checker.state.ready

    async def unready_reason(self) -> str | None:
        """Why requests could not be answered now, or None when they could."""
        if self._checker is not None:
            return None if self._checker.state.ready else self._checker.state.reason
        if asyncio.get_running_loop().time() - self.pool.answered_s < FRESH_S:
            return None
        try:
            await self.pool.probe()
        except UpstreamError as exc:
            return str(exc)
        return None


def _of_pool(config: Config) -> tuple[object, ...]:
    """The settings that a pool, its connections and the health check hold."""
    return (
        *_of_check(config),
        config.pool,
        config.retries,
        config.breaker,
        config.timeouts.upstream_idle_s,
        redacted_names(config),
    )


def _of_check(config: Config) -> tuple[object, ...]:
    return (
        config.upstream,
        config.upstream_tls,
        config.limits,
        config.health_check,
        config.timeouts.connect_s,
    )


def renew(context: LiveContext, side: Side, now_s: float, log: Log) -> None:
    """Lets a context follow its files, and says what came of it."""
    try:
        if context.renew(now_s):
            log.info("certificate_reloaded", side=side)
    except ConfigError as exc:
        log.warning("certificate_ignored", side=side, reason=str(exc))
