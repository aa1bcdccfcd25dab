"""The bad line between sidecar and model server: cuts, resets, stalls and chops connections at random bytes.

    python -m benchmarks.soak.line --port P --upstream Q --seed N [--sabotage flip]

What happens to the n-th connection follows from the seed and n. `--sabotage flip` turns one bit in what the
model server says, which nothing between it and the caller may notice: the soak must.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import uvloop

CUT_RATIO = 0.04  # of connections
CHOPPED_RATIO = 0.1
STALLED_RATIO = 0.05
STALL_S = 0.2
FLIP_AT_BYTES = 1500  # beyond an answer's head
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Fate:
    """What happens to one connection.

    Attributes:
        cut_at_bytes: after so many bytes, both directions together; None never.
        reset: whether it is cut by a reset instead of an end.
        chopped: whether its first bytes come in pieces of a few.
        stall_at_bytes: where it stands still for a while.
        flip_at_bytes: where a bit is turned on the way to the caller.
    """

    cut_at_bytes: int | None
    reset: bool
    chopped: bool
    stall_at_bytes: int | None
    flip_at_bytes: int | None
    n_bytes: int = 0

    @staticmethod
    def of(rng: random.Random, flipping: bool) -> Fate:
        """The fate that a connection's own random numbers give it."""
        far = int(10 ** rng.uniform(0, 6))
        return Fate(
            cut_at_bytes=far if rng.random() < CUT_RATIO else None,
            reset=rng.random() < 0.5,
            chopped=rng.random() < CHOPPED_RATIO,
            stall_at_bytes=far // 2 if rng.random() < STALLED_RATIO else None,
            flip_at_bytes=FLIP_AT_BYTES if flipping else None,
        )


class Cut(Exception):
    """The connection ends here."""


class Line:
    """Accepts the sidecar's connections."""

    def __init__(self, upstream_port: int, seed: int, flipping: bool) -> None:
        self._upstream_port = upstream_port
        self._seed = seed
        self._flipping = flipping
        self._n = 0

    async def carry(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        """One connection, from its acceptance to its end."""
        self._n += 1
        fate = Fate.of(random.Random(f"{self._seed} {self._n}"), self._flipping)
        try:
            far, to_far = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            _end(to_near, reset=fate.reset)
            return
        ways = [
            asyncio.ensure_future(_carry_one_way(near, to_far, fate, down=False)),
            asyncio.ensure_future(_carry_one_way(far, to_near, fate, down=True)),
        ]
        done, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        cut = any(way.exception() is not None for way in done)
        for way in pending:
            way.cancel()
        with suppress(asyncio.CancelledError, OSError, Cut):
            await asyncio.gather(*pending)
        for writer in (to_near, to_far):
            _end(writer, reset=cut and fate.reset)


async def _carry_one_way(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fate: Fate, *, down: bool
) -> None:
    while data := await reader.read(65536):
        end = fate.n_bytes + len(data)
        if fate.stall_at_bytes is not None and end > fate.stall_at_bytes:
            fate.stall_at_bytes = None
            await asyncio.sleep(STALL_S)
        if down and fate.flip_at_bytes is not None and end > fate.flip_at_bytes and len(data) > 200:
            fate.flip_at_bytes = None
            data = data[:-100] + bytes([data[-100] ^ 4]) + data[-99:]
        allowed = len(data) if fate.cut_at_bytes is None else max(0, fate.cut_at_bytes - fate.n_bytes)
        await _write(writer, data[:allowed], fate)
        fate.n_bytes += len(data)
        if allowed < len(data):
            raise Cut
    with suppress(OSError):
        writer.write_eof()


async def _write(writer: asyncio.StreamWriter, data: bytes, fate: Fate) -> None:
    if fate.chopped and fate.n_bytes < 4000:
        place, step = 0, 1
        while place < min(len(data), 600):
            writer.write(data[place : place + step])
            await asyncio.sleep(0)
            place, step = place + step, step % 40 + 7
        data = data[place:]
    writer.write(data)
    await writer.drain()


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """Ends a connection; a reset throws away what has not been delivered yet."""
    sock = writer.get_extra_info("socket")
    if reset and sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.transport.abort()
    else:
        writer.close()


async def _run(port: int, line: Line) -> None:
    listening = await asyncio.start_server(line.carry, "127.0.0.1", port, backlog=512)
    await listening.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries bytes until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.line")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", choices=("none", "flip"), default="none")
    given = parser.parse_args(arguments)
    uvloop.run(_run(given.port, Line(given.upstream, given.seed, given.sabotage == "flip")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
