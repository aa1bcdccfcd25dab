"""Servers started as children: waited for until they answer, always stopped with all that they started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks.harness import process_tree


class NotStarted(Exception):
    """A child ended, or did not answer in time; the message holds the end of its log."""


def free_port() -> int:
    """A loopback port that is free now."""
    return free_ports(1)[0]


def free_ports(n: int) -> list[int]:
    """Different loopback ports that are free now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(n)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Child:
    """A process in a group of its own, for signals, and in this session: Linux shares a core among sessions
    first (autogroup), and what is idle, or has a short slice, in one session is neither beside another one.

    Args:
        name: for messages and the log file's name.
        command: what to run.
        folder: where the log is written and the command runs.
        core: the one core that it and its children may use; any when None.
        environment: added to this process's own.
        cwd: folder to run in, when it is not `folder`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        core: int | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        prefix = [] if core is None else ["taskset", "--cpu-list", str(core)]
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(
                [*prefix, *command],
                cwd=cwd or folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        self.pid = self._popen.pid  # taskset execs the command, so this is the server itself

    def wait_until(self, ready: Callable[[], bool], limit_s: float = 30.0, pause_s: float = 0.02) -> None:
        """Waits until `ready()` is true, and asks every `pause_s`.

        Raises:
            NotStarted: "NAME: expected to be ready within 30 s, got: END OF LOG".
        """
        deadline = time.monotonic() + limit_s
        while not ready():
            if self._popen.poll() is not None:
                raise NotStarted(
                    f"{self.name}: expected to run, got exit code {self._popen.returncode}: {self._tail()}"
                )
            if time.monotonic() > deadline:
                raise NotStarted(
                    f"{self.name}: expected to be ready within {limit_s:g} s, got: {self._tail()}"
                )
            time.sleep(pause_s)

    def _tail(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace").strip()
        return " | ".join(text.splitlines()[-3:])[-400:] or "an empty log"

    def stop(self, limit_s: float = 10.0) -> int | None:
        """Ends the process politely, then by force, with all that it started.

        Returns:
            Its exit code, the same when it had ended before; None when force was needed.
        """
        family = process_tree(self.pid)
        if self._popen.poll() is None:
            self._popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(limit_s)
        code = self._popen.poll()
        for pid in family:  # also those that left the group; an id cannot be reused this soon
            try:
                if os.getsid(pid) == os.getsid(0):
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._popen.wait()
        return code


def answers(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
