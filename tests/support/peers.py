"""Real model servers and their own clients, which live in environments of their own: their dependencies are
not ours.

What a client does is a program in `tests/e2e/programs`. It prints one outcome a case, a value or the error
that its user sees, and is run twice: against the server itself and through a sidecar.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import PATIENCE_S, ROOT, eventually

PROGRAMS = ROOT / "tests" / "e2e" / "programs"


def require_peer(environment: str, program: str) -> Path:
    """The path of a program of an environment that `make peers` makes; a missing one fails the test."""
    path = ROOT / environment / "bin" / program
    if not path.exists():
        pytest.fail(f"peer: expected {program!r} in {environment} (made by `make peers`), got none", False)
    return path


@contextmanager
def serving(
    command: list[str | Path], folder: Path, is_ready: Callable[[], bool], **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server in a folder of its own until the block ends; it is ready when the block begins.

    Raises:
        AssertionError: with the server's log, when it ended before it was ready.
    """
    log = folder / "log"
    with log.open("ab") as sink:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )

    def look() -> bool:
        assert server.poll() is None, log.read_text()
        return is_ready()

    try:
        eventually(look, 4 * PATIENCE_S)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        with suppress(ProcessLookupError):  # some servers leave children behind
            os.killpg(server.pid, signal.SIGKILL)


def outcomes(python: Path, program: str, address: str, *arguments: str | Path) -> dict[str, Any]:
    """What a client's program saw of the server at this address, by case.

    Raises:
        AssertionError: with what the program said, when it failed in a way that no case expects.
    """
    done = subprocess.run(
        [python, PROGRAMS / program, address, *arguments],
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
