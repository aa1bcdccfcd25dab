"""What all connections of one worker share, and the sweep that keeps its time-outs."""

from __future__ import annotations

import asyncio

from sidecar.config.address import parse_upstream
from sidecar.config.model import Config
from sidecar.errors import UpstreamError
from sidecar.http1.rules import RequestRules
from sidecar.http1.template import RequestHeads
from sidecar.log import Log
from sidecar.proxy.downstream import DownstreamConnection
from sidecar.proxy.identity import Identities
from sidecar.proxy.tally import Tally
from sidecar.proxy.tap import Tap
from sidecar.upstream.pool import Pool

SWEEP_S = 0.25  # time-outs are exact to this
_CUT_S = 0.5  # for cut exchanges to be noticed and recorded


class Worker:
    """One worker's shared state.

    Args:
        config: the settings.
        tap: copies exchanges into the ring.
        tally: the counters in shared memory.
        identities: makes trace and span ids.
        log: where to write.

    Attributes:
        now_s: the loop's clock as of the last sweep.
        draining: no new exchange is wanted; connections close behind their answers.
    """

    def __init__(self, config: Config, tap: Tap, tally: Tally, identities: Identities, log: Log) -> None:
        self.config = config
        self.timeouts = config.timeouts
        self.tap = tap
        self.tally = tally
        self.identities = identities
        self.heads = RequestHeads(RequestRules.of(config))
        self.pool = Pool(parse_upstream(config.upstream), config)
        self.draining = False
        self.now_s = asyncio.get_running_loop().time()
        self._log = log
        self._connections: set[DownstreamConnection] = set()
        self._emptied = asyncio.Event()

    # --- connections

    def admit(self, connection: DownstreamConnection) -> bool:
        """Notes a new caller; False when there are as many as allowed."""
        self._connections.add(connection)
        self.tally.set_connections(len(self._connections))
        return len(self._connections) <= self.config.limits.connections

    def dismiss(self, connection: DownstreamConnection) -> None:
        """Forgets a caller whose connection is lost."""
        self._connections.discard(connection)
        self.tally.set_connections(len(self._connections))
        if self.draining and not self._connections:
            self._emptied.set()

    def note_upstream_error(self, error: UpstreamError) -> None:
        """Counts and logs that the upstream failed an exchange."""
        self.tally.add_upstream_error()
        self._log.limited("upstream_error", status=error.status, reason=str(error))

    # --- time

    def sweep(self) -> None:
        """Ends what has waited too long; called every `SWEEP_S`."""
        now_s = self.now_s = asyncio.get_running_loop().time()
        self.pool.sweep(now_s)
        self.tap.sweep()
        self.tally.sweep()
        late = [connection for connection in self._connections if connection.deadline_s <= now_s]
        for connection in late:
            connection.on_late()

    # --- another configuration

    def reload(self, config: Config) -> None:
        """Takes over another configuration; connections and what is under way live on.

        Args:
            config: checked by the supervisor.
        """
        self.config = config
        self.timeouts = config.timeouts
        self.heads = RequestHeads(config.limits)
        self._log.info("reloaded")

    # --- the end

    async def drain(self) -> int:
        """Closes idle connections, waits for what is in flight up to `drain.limit_s`, then cuts off the rest.

        Returns:
            How many connections were cut off.
        """
        self.draining = True
        for connection in list(self._connections):
            connection.drain()
        if not await self._empty_within(self.config.drain.limit_s):
            self._log.warning("drain_limit", connections=len(self._connections))
        left = list(self._connections)
        for connection in left:
            connection.transport.abort()
        await self._empty_within(_CUT_S)
        self.pool.close()
        return len(left)

    async def _empty_within(self, seconds: float) -> bool:
        """Waits until no caller is left; False when some are after so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._connections:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            return False
        return True
