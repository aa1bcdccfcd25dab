"""A running `tests/e2e/programs/http_origin.py`, and what of an answer is the server's own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.listening import free_port
from tests.support.mlserver import exchange
from tests.support.peers import PROGRAMS, serving

FILE = bytes(range(256)) * 4096
# Lines that a hop makes for itself, or that differ between any two answers.
OWN_OF_A_HOP = {"connection", "keep-alive", "date", "x-request-id", "via"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the server listens: a loopback port and a unix socket."""

    port: int
    path: Path


@contextmanager
def origin(folder: Path) -> Iterator[Origin]:
    """Runs the server in this folder until the block ends; its `/file` is `FILE`."""
    (folder / "file").write_bytes(FILE)
    made = Origin(free_port(), folder / "socket")
    command = [sys.executable, PROGRAMS / "http_origin.py", str(made.port), str(made.path), str(folder)]
    with serving(
        command, folder, lambda: exchange(made.port, "GET", "/echo")[0] == 200 and made.path.exists()
    ):
        yield made


def end_to_end(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The header lines that must be the same however many hops there are; names in lower case, sorted."""
    lowered = [(name.lower(), value) for name, value in lines]
    return sorted((name, value) for name, value in lowered if name not in OWN_OF_A_HOP)
