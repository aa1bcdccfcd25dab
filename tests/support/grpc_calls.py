"""Calls of `tests/e2e/programs/grpc_server.py`, whose messages are plain bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from tests.support.peers import PROGRAMS, serving
from tests.support.running import PATIENCE_S

# Without a pool of its own, channels of one process to one address share a connection.
OPTIONS: list[tuple[str, int]] = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
]


@contextmanager
def grpc_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the server on this loopback port until the block ends."""

    def is_ready() -> bool:
        with opened(port) as channel:
            return unary(channel, "Echo")(b"up", timeout=PATIENCE_S, wait_for_ready=True) == b"up"

    with serving([sys.executable, PROGRAMS / "grpc_server.py", str(port)], folder, is_ready) as server:
        yield server


def opened(port: int, *options: tuple[str, int]) -> grpc.Channel:
    """A channel with a connection of its own; for `with`."""
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=[*OPTIONS, *options])


def unary(channel: grpc.Channel, method: str) -> Any:
    """A method of one request and one response."""
    return channel.unary_unary(f"/t.T/{method}")


def streamed(channel: grpc.Channel, method: str) -> Any:
    """A method of one request and many responses."""
    return channel.unary_stream(f"/t.T/{method}")


def streaming(channel: grpc.Channel, method: str) -> Any:
    """A method of many requests and one response."""
    return channel.stream_unary(f"/t.T/{method}")


def conversing(channel: grpc.Channel, method: str) -> Any:
    """A method of many requests and many responses."""
    return channel.stream_stream(f"/t.T/{method}")


def seen(port: int) -> dict[str, int]:
    """What the server at this port has seen so far."""
    with opened(port) as channel:
        found: dict[str, int] = json.loads(unary(channel, "Seen")(b"", timeout=PATIENCE_S))
        return found


def failure(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """Status and details of a call that must fail."""
    try:
        call()
    except grpc.RpcError as exc:
        return exc.code(), exc.details()
    raise AssertionError("expected a failed call, got an answer")


def pairs(metadata: Iterable[tuple[str, str | bytes]] | None) -> list[tuple[str, str | bytes]]:
    """Metadata as plain pairs."""
    return [(name, value) for name, value in metadata or ()]
