"""`sidecar demo`: a real model, real traffic that drifts, and the sidecar that must notice.

The parts, in this order:

set up     train, serve, build the reference, start the sidecar: every part a process of its own
quiet      January to March rows that the model never saw, in random order: any claim of drift is false
turning    April to August in time order: temperature and dew point must be found
summary    exit 0 when all went as it should, 1 when not
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import uvloop

from sidecar.clock import Clock, SystemClock
from sidecar.demo.play import Play
from sidecar.demo.stage import Stage
from sidecar.demo.traffic import CONNECTIONS, TIMEOUT_S
from sidecar.demo.view import Screen, open_screen
from sidecar.errors import ConfigError

DEFAULT_S = 45.0
LONGEST_S = 600.0  # beyond it a window would hold too few rows to be judged
CHECK_S = 0.5
INTERRUPTED = 130  # what a shell reports for SIGINT


def run_demo(seconds: float | None = None, *, keep: bool = False) -> int:
    """Runs the whole demonstration on this machine.

    Args:
        seconds: length of all of it, set-up included; the traffic takes at least 12 s whatever is asked.
        keep: leave server and sidecar running at the end, until Ctrl-C.

    Returns:
        Exit code: 0 when the drift was found and none claimed before it, 1 when not, 130 when interrupted.

    Raises:
        ConfigError: `seconds` is out of range.
        ChildFailed: a process did not come up, or died.
    """
    length_s = DEFAULT_S if seconds is None else seconds
    if not 0.0 < length_s <= LONGEST_S:
        raise ConfigError("--seconds", f"a number above 0 and up to {LONGEST_S:g}", f"{length_s:g}")
    clock = SystemClock()
    with (
        TemporaryDirectory(prefix="sidecar-demo-") as folder,
        open_screen(clock) as screen,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        try:
            return runner.run(_perform(Path(folder), length_s, keep, screen, clock))
        except asyncio.CancelledError:
            print("sidecar demo: interrupted", file=sys.stderr)
            return INTERRUPTED


class Interruption:
    """SIGINT, SIGTERM and SIGHUP: the first ends the demonstration in order, the next kills what still runs.

    Made in the task that the first signal cancels.

    Args:
        stage: holds the processes.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._came = asyncio.Event()
        self._awaited = False
        self._main = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._obey)

    async def wait(self) -> None:
        """Waits for a signal, which then cancels nothing.

        Raises:
            ChildFailed: a process died meanwhile.
        """
        self._awaited = True
        while not self._came.is_set():
            self._stage.check()
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._came.wait()
            except TimeoutError:
                continue

    def _obey(self) -> None:
        if self._came.is_set():
            self._stage.kill()
        elif self._main is not None and not self._awaited:
            self._main.cancel()
        self._came.set()


async def _perform(folder: Path, length_s: float, keep: bool, screen: Screen, clock: Clock) -> int:
    stage = Stage(folder, screen.say)
    interruption = Interruption(stage)
    # Connections to the sidecar from many callers at once would only queue at the one model server.
    connector = aiohttp.TCPConnector(limit=2 * CONNECTIONS)
    try:
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
        ) as session:
            play = Play(stage, screen, clock, session)
            code = await play.perform(length_s)
            if keep:
                screen.say("\nThe dashboard stays up until Ctrl-C.")
                await interruption.wait()
            return code
    finally:
        await stage.strike()
