"""The demonstration's child processes: started, waited for, and ended whatever happens.

Each child leads a process group of its own: Ctrl-C reaches only the demonstration, which then ends the others
in order, and what a child forked ends with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sidecar.errors import SidecarError

READY_S = 60.0  # the first start on a machine compiles kernels
POLL_S = 0.05
TAIL_LINES = 15
TERM_S = 10.0


class ChildFailed(SidecarError):
    """A child process ended or did not come up; the message ends with the last lines of its log."""


class Child:
    """One process running this Python.

    Args:
        name: for messages.
        arguments: after the interpreter, such as ["-m", "sidecar", ...].
        log_path: receives both of its output streams.
    """

    def __init__(self, name: str, arguments: list[str], log_path: Path) -> None:
        self.name = name
        self._arguments = arguments
        self._log_path = log_path
        self._running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the process."""
        with self._log_path.open("wb") as log:
            self._running = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def finish(self) -> None:
        """Waits until the process has ended by itself.

        Raises:
            ChildFailed: it ended with another code than 0.
        """
        if self._running is not None and await self._running.wait() != 0:
            raise self._failed()

    async def listening(self) -> dict[str, Any]:
        """Waits for the process's log line with the event `listening`; gives that line's fields.

        Raises:
            ChildFailed: it ended first, or took longer than READY_S.
        """
        try:
            async with asyncio.timeout(READY_S):
                while (fields := find_event(self.log_text(), "listening")) is None:
                    self.check()
                    await asyncio.sleep(POLL_S)
                return fields
        except TimeoutError:
            raise ChildFailed(f"{self.name}: expected to listen within {READY_S:g} s{self.tail()}") from None

    def check(self) -> None:
        """Sees to it that the process is running.

        Raises:
            ChildFailed: it has ended.
        """
        if self._running is not None and self._running.returncode is not None:
            raise self._failed()

    async def stop(self) -> None:
        """Ends the process and all that it started; a process that has ended is left alone."""
        running = self._running
        if running is None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(TERM_S):
                await running.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
            await running.wait()

    def kill(self) -> None:
        """Kills the whole process group at once."""
        self._signal(signal.SIGKILL)

    def log_text(self) -> str:
        """All that the process has written."""
        return self._log_path.read_text(encoding="utf-8", errors="replace") if self._log_path.exists() else ""

    def tail(self) -> str:
        """The last lines of the log, indented, to stand after a message."""
        lines = self.log_text().splitlines()[-TAIL_LINES:]
        return "".join(f"\n  {line}" for line in lines) or "\n  (it wrote nothing)"

    def _failed(self) -> ChildFailed:
        code = self._running.returncode if self._running is not None else None
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return ChildFailed(f"{self.name}: ended with {how}; its last lines:{self.tail()}")

    def _signal(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        try:
            os.killpg(self._running.pid, number)
        except ProcessLookupError:
            return  # the whole group is gone


def find_event(log_text: str, event: str) -> dict[str, Any] | None:
    """The first JSON log line with this event name, or None."""
    for line in log_text.splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict) and fields.get("event") == event:
            return fields
    return None
