"""What all connections of one worker share, and the sweep that keeps its time-outs."""

from __future__ import annotations

import asyncio
from typing import Protocol

from sidecar.config.model import Config
from sidecar.errors import ConfigError, UpstreamError
from sidecar.http1.rules import RequestRules
from sidecar.http1.template import RequestHeads
from sidecar.log import Log
from sidecar.proxy.identity import Identities
from sidecar.proxy.tally import Tally
from sidecar.proxy.tap import Tap
from sidecar.proxy.upstreams import Upstreams, renew
from sidecar.ring.record import Outcome
from sidecar.tls.live import live_server_context
from sidecar.upstream.pool import Pool

SWEEP_S = 0.25  # time-outs are exact to this
_CUT_S = 0.5  # for cut exchanges to be noticed and recorded


class Timed(Protocol):
    """What the sweep watches: a caller's connection, or what stands in for one."""

    transport: asyncio.Transport
    deadline_s: float

    def on_late(self) -> None: ...

    def drain(self) -> None: ...


class Worker:
    """One worker's shared state.

    Args:
        config: the settings.
        tap: copies exchanges into the ring.
        tally: the counters in shared memory.
        identities: makes trace and span ids.
        log: where to write.

    Attributes:
        config: the settings in force; `keep_alive_s` is one that every answer needs.
        heads: reads requests' heads.
        default_policy: what holds for an exchange whose path is not known.
        upstreams: the way to the model server.
        pool: its connections, for exchanges that begin now.
        tls: the context for callers' connections, None for plain text.
        now_s: the loop's clock as of the last sweep.
        draining: no new exchange is wanted; connections close behind their answers.
    """

    def __init__(self, config: Config, tap: Tap, tally: Tally, identities: Identities, log: Log) -> None:
        self.tap = tap
        self.tally = tally
        self.identities = identities
        self.draining = False
        self.now_s = asyncio.get_running_loop().time()
        self._log = log
        self._timed: set[Timed] = set()
        self._emptied = asyncio.Event()
        self.upstreams = Upstreams(config, log)
        self.tls = live_server_context(config.tls)
        self._take_settings(config)

    def _take_settings(self, config: Config) -> None:
        rules = RequestRules.of(config)
        self.config = config
        self.keep_alive_s = config.timeouts.keep_alive_s
        self.heads = RequestHeads(rules)
        self.default_policy = rules.policies.all[0]
        self.pool: Pool = self.upstreams.pool
        self.tap.configure(config, rules.policies)

    def reload(self, config: Config) -> None:
        """Takes over another configuration; connections and what is under way live on.

        Args:
            config: checked by the supervisor; a file of TLS that has changed for the worse since then leaves
                everything as it was.
        """
        try:
            tls = live_server_context(config.tls)
            self.upstreams.reload(config)
        except ConfigError as exc:
            self._log.error("reload_refused", reason=str(exc))
            return
        if self.tls is not None and tls is not None:  # whether there is one at all is decided at the start
            self.tls.follow(tls)
        self._take_settings(config)
        self._log.info("reloaded")

    # --- connections

    def admit(self, connection: Timed) -> bool:
        """Notes a new caller; False when there are as many as allowed."""
        self.keep_time_of(connection)
        return len(self._timed) <= self.config.limits.connections

    def keep_time_of(self, timed: Timed) -> None:
        """Watches its deadline until it is dismissed, and waits for it when draining."""
        self._timed.add(timed)
        self.tally.set_connections(len(self._timed))

    def dismiss(self, timed: Timed) -> None:
        """Forgets a caller whose connection is lost."""
        self._timed.discard(timed)
        self.tally.set_connections(len(self._timed))
        if self.draining and not self._timed:
            self._emptied.set()

    def note_upstream_error(self, error: UpstreamError, outcome: Outcome) -> None:
        """Counts and logs that the upstream failed an exchange."""
        self.tally.add_upstream_error()
        if outcome is Outcome.OVERLOADED:
            self.tally.add_overloaded()
        self._log.limited("upstream_error", status=error.status, reason=str(error))

    # --- time

    def sweep(self) -> None:
        """Ends what has waited too long; called every `SWEEP_S`."""
        now_s = self.now_s = asyncio.get_running_loop().time()
        self.upstreams.sweep(now_s)
        if self.tls is not None:
            renew(self.tls, "downstream", now_s, self._log)
        self.tap.sweep()
        self.tally.sweep(self.upstreams)
        late = [timed for timed in self._timed if timed.deadline_s <= now_s]
        for timed in late:
            timed.on_late()

    # --- the end

    async def drain(self) -> int:
        """Closes idle connections, waits for what is in flight up to `drain.limit_s`, then cuts off the rest.

        Returns:
            How many connections were cut off.
        """
        self.draining = True
        for timed in list(self._timed):
            timed.drain()
        if not await self._empty_within(self.config.drain.limit_s):
            self._log.warning("drain_limit", connections=len(self._timed))
        left = list(self._timed)
        for timed in left:
            timed.transport.abort()
        await self._empty_within(_CUT_S)
        self.upstreams.close()
        return len(left)

    async def _empty_within(self, seconds: float) -> bool:
        """Waits until no caller is left; False when some are after so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._timed:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            return False
        return True
