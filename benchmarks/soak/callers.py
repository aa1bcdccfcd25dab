"""Callers of every kind, on threads and plain sockets; each answer is judged by its bytes.

A visit opens one connection and makes some exchanges of one kind. Which ones follows from the seed and the
thread's number, so a run can be made again (what the machine makes of it cannot).
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from itertools import pairwise

from benchmarks.soak.answers import TURN, path_of
from benchmarks.soak.tally import Tally
from benchmarks.soak.verdict import Answer, Ask, End, Outcome, hash_line, judge
from benchmarks.soak.wire import Ended, Wire

MEGABYTE = 1_000_000
SLOW_RECEIVE_BYTES = 16_384
PATIENCE_S = 0.05  # of a caller that was refused


class Caller:
    """One caller.

    Args:
        number: its own; tags and random numbers follow from it.
        seed: the run's.
        port: the sidecar's.
        tally: where outcomes are counted.
    """

    def __init__(self, number: int, seed: int, port: int, tally: Tally) -> None:
        self.rng = random.Random(f"{seed} caller {number}")
        self._number = number
        self._port = port
        self.tally = tally
        self._n_tags = 0

    def run(self, until: threading.Event) -> None:
        """Makes visits until told to stop."""
        names, weights = list(KINDS), [weight for weight, _visit in KINDS.values()]
        while not until.is_set():
            kind = self.rng.choices(names, weights)[0]
            try:
                KINDS[kind][1](self, kind)
            except ConnectionError as exc:  # only connecting raises it: the port must always take callers
                self.tally.add_fault(kind, f"connecting: {exc}")
                until.wait(0.1)

    # --- requests

    def ask(self, framing: str, *, method: str = "GET", body: bytes = b"", **more: object) -> Ask:
        """A request with a tag of its own."""
        self._n_tags += 1
        rng = self.rng
        n_bytes = int(str(more.pop("n_bytes", int(10 ** rng.uniform(0, 4.5)))))
        n_pieces, pause_ms = (
            int(str(more.pop("n_pieces", rng.randint(1, 5)))),
            int(str(more.pop("pause_ms", 0))),
        )
        path = path_of(framing, n_bytes, n_pieces, pause_ms, f"{self._number}-{self._n_tags}")
        return Ask(method, path, body, **more)  # type: ignore[arg-type]

    def payload(self, n_bytes: int) -> bytes:
        """A body."""
        return self.rng.randbytes(n_bytes)

    def wire(self, receive_bytes: int | None = None) -> Wire:
        """A connection to the sidecar."""
        return Wire(self._port, receive_bytes)

    # --- judging

    def hear(self, kind: str, wire: Wire, ask: Ask) -> Answer:
        """Reads and judges an answer."""
        answer = wire.read(ask)
        self.tally.add(kind, ask, judge(ask, answer), wire.opened_s)
        if answer.status >= 500:
            time.sleep(PATIENCE_S)  # else most of a run would be refusals while the model server is away
        return answer

    def exchange(self, kind: str, wire: Wire, ask: Ask, *pieces: bytes) -> bool:
        """Sends a request and judges its answer; whether the connection can carry another.

        Whatever happens while it is sent, the answer must explain it.
        """
        for piece in pieces or (whole(ask),):
            if not wire.send(piece):
                break
        answer = self.hear(kind, wire, ask)
        if answer.keeps and not wire.idle:
            self.tally.add_fault(kind, f"{ask.path}: bytes behind the answer")
            return False
        return answer.keeps and not ask.old

    def leave(self, kind: str, name: str, *, perhaps_seen: bool) -> None:
        """Counts a request that is given up."""
        self.tally.add_unanswered(kind, name, perhaps_seen=perhaps_seen)

    def leave_rest(self, kind: str, n: int) -> None:
        """Counts pipelined requests behind an answer that ended the connection."""
        self.tally.add_unanswered(kind, "unanswered behind the end", n)


def whole(ask: Ask) -> bytes:
    """A request in one piece, its body by Content-Length."""
    lines = [hash_line(hashlib.sha256(ask.body).hexdigest())]
    if ask.method == "POST":
        lines.append(b"Content-Length: %d" % len(ask.body))
    return ask.head(*lines) + ask.body


def chunks(ask: Ask, sizes: Callable[[], int]) -> list[bytes]:
    """A request in pieces: its head, and its body in chunks of these sizes."""
    pieces = [ask.head(hash_line(hashlib.sha256(ask.body).hexdigest()), b"Transfer-Encoding: chunked")]
    place = 0
    while place < len(ask.body):
        piece = ask.body[place : place + sizes()]
        pieces.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        place += len(piece)
    return [*pieces, b"0\r\n\r\n"]


# --- kinds of visit ----------------------------------------------------------------------------------


def _infer(caller: Caller, kind: str) -> None:
    """Small JSON on a connection that is kept."""
    wire = caller.wire()
    for _ in range(caller.rng.randint(1, 30)):
        values = [round(caller.rng.gauss(0, 1), 4) for _ in range(4)]
        tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": values}
        body = json.dumps({"inputs": [tensor]}).encode()
        ask = caller.ask("infer", method="POST", body=body, lines=(b"Content-Type: application/json",))
        if not caller.exchange(kind, wire, ask):
            break
    wire.close()


def _get(caller: Caller, kind: str) -> None:
    """GET and HEAD, every framing."""
    wire = caller.wire()
    for _ in range(caller.rng.randint(1, 10)):
        framing = caller.rng.choice(("length", "length", "chunked", "final", "close"))
        method = caller.rng.choice(("GET", "GET", "HEAD"))
        if not caller.exchange(kind, wire, caller.ask(framing, method=method)):
            break
    wire.close()


def _closing(caller: Caller, kind: str) -> None:
    """One exchange, the end asked for."""
    wire = caller.wire()
    ask = caller.ask(
        "length",
        method="POST",
        body=caller.payload(caller.rng.randint(0, 5000)),
        lines=(b"Connection: close",),
    )
    if caller.exchange(kind, wire, ask):
        caller.leave(kind, "kept though its end was asked for", perhaps_seen=False)
    wire.close()


def _old(caller: Caller, kind: str) -> None:
    """HTTP/1.0."""
    wire = caller.wire()
    caller.exchange(kind, wire, caller.ask(caller.rng.choice(("length", "chunked", "close")), old=True))
    wire.close()


def _chunked(caller: Caller, kind: str) -> None:
    """Chunked bodies both ways, with pauses."""
    wire, rng = caller.wire(), caller.rng
    for _ in range(rng.randint(1, 5)):
        body = caller.payload(int(10 ** rng.uniform(0, 5.3)))
        ask = caller.ask("chunked", method="POST", body=body, n_bytes=rng.randint(1, 200_000), n_pieces=9)
        largest = rng.choice((10_000, 100_000))
        if not caller.exchange(kind, wire, ask, *chunks(ask, lambda most=largest: rng.randint(1, most))):  # type: ignore[misc]
            break
    wire.close()


def _large(caller: Caller, kind: str) -> None:
    """A megabyte both ways."""
    wire = caller.wire()
    for _ in range(2):
        framing = caller.rng.choice(("length", "chunked"))
        body = caller.payload(MEGABYTE)
        ask = caller.ask(framing, method="POST", body=body, n_bytes=MEGABYTE, n_pieces=16)
        if not caller.exchange(kind, wire, ask):
            break
    wire.close()


def _stream(caller: Caller, kind: str) -> None:
    """Events."""
    wire = caller.wire()
    for _ in range(2):
        if not caller.exchange(
            kind, wire, caller.ask("sse", method="POST", body=b"{}", n_pieces=20, pause_ms=5)
        ):
            break
    wire.close()


def _pipelined(caller: Caller, kind: str) -> None:
    """Several requests at once, the answers in their order."""
    wire = caller.wire()
    asks = [
        caller.ask(
            caller.rng.choice(("length", "chunked", "infer")),
            method="POST",
            body=caller.payload(caller.rng.randint(0, 2000)),
        )
        for _ in range(caller.rng.randint(2, 6))
    ]
    wire.send(b"".join(map(whole, asks)))
    for place, ask in enumerate(asks):
        if not caller.hear(kind, wire, ask).keeps:
            caller.leave_rest(kind, len(asks) - place - 1)
            break
    wire.close()


def _aborting(caller: Caller, kind: str) -> None:
    """Goes away in the head, in the body, or in the answer, by an end or a reset."""
    wire, rng = caller.wire(), caller.rng
    ask = caller.ask(
        "chunked", method="POST", body=caller.payload(200_000), n_bytes=200_000, n_pieces=20, pause_ms=2
    )
    message = whole(ask)
    head_bytes = message.index(b"\r\n\r\n") + 4
    place = rng.choice(("head", "body", "answer"))
    if place == "head":
        wire.send(message[: rng.randint(1, head_bytes - 1)])
    elif place == "body":
        wire.send(message[: rng.randint(head_bytes, len(message) - 1)])
    elif wire.send(message):
        try:
            wire.receive(rng.randint(1, 5000))
        except Ended:
            place = "answer, which ended before"
    wire.close(reset=rng.random() < 0.5)
    caller.leave(kind, f"left in the {place}", perhaps_seen=place != "head")


def _slow_reader(caller: Caller, kind: str) -> None:
    """Reads slowly through a small window."""
    wire = caller.wire(SLOW_RECEIVE_BYTES)
    wire.pace = lambda: time.sleep(caller.rng.random() * 0.01)
    framing = caller.rng.choice(("length", "chunked", "close"))
    caller.exchange(kind, wire, caller.ask(framing, n_bytes=MEGABYTE, n_pieces=4))
    wire.close()


def _slow_sender(caller: Caller, kind: str) -> None:
    """Sends head and body in small pieces with pauses."""
    wire, rng = caller.wire(), caller.rng
    ask = caller.ask("length", method="POST", body=caller.payload(rng.randint(1, 400)))
    message = whole(ask)
    cuts = sorted({0, len(message), *(rng.randint(1, len(message)) for _ in range(8))})
    for start, stop in pairwise(cuts):
        if not wire.send(message[start:stop]):
            break
        time.sleep(rng.random() * 0.02)
    caller.exchange(kind, wire, ask, b"")
    wire.close()


def _half_closed(caller: Caller, kind: str) -> None:
    """Ends its own side right behind the request and waits for the answer."""
    wire = caller.wire()
    ask = caller.ask("length", method="POST", body=caller.payload(500), n_bytes=20_000)
    if wire.send(whole(ask)):
        wire.sock.shutdown(socket.SHUT_WR)
    caller.hear(kind, wire, ask)
    wire.close()


def _tunnel(caller: Caller, kind: str) -> None:
    """Asks for an upgrade; then bytes both ways until it ends it."""
    wire, rng = caller.wire(), caller.rng
    ask = caller.ask("tunnel", lines=(b"Connection: upgrade", b"Upgrade: turn"))
    wire.send(whole(ask))
    answer = wire.read(ask)
    if answer.status != 101:
        outcome = judge(ask, answer)
        name = "exact, not upgraded" if outcome.name == "exact" else outcome.name
        caller.tally.add(kind, ask, Outcome(name, outcome.fault), wire.opened_s)
        wire.close()
        return
    sent, came, end = caller.payload(rng.randint(1, 50_000)), bytearray(), End.WHOLE
    wire.send(sent)
    try:
        wire.exactly(len(sent), came)
    except Ended as exc:
        end = exc.end
    right = sent.translate(TURN).startswith(came) and end is not End.LATE
    fault = "" if right else f"tunnel: {len(came)} of {len(sent)} bytes, {end}, not what was sent"
    caller.tally.add(kind, ask, Outcome("exact" if end is End.WHOLE else "cut", fault), wire.opened_s)
    wire.close(reset=rng.random() < 0.3)


KINDS: dict[str, tuple[int, Callable[[Caller, str], None]]] = {
    "small JSON, kept": (30, _infer),
    "GET and HEAD": (20, _get),
    "connection: close": (10, _closing),
    "HTTP/1.0": (5, _old),
    "chunked both ways": (10, _chunked),
    "1 MB both ways": (4, _large),
    "events": (6, _stream),
    "pipelined": (10, _pipelined),
    "aborting": (8, _aborting),
    "slow reader": (2, _slow_reader),
    "slow sender": (4, _slow_sender),
    "half-closed": (6, _half_closed),
    "tunnel": (6, _tunnel),
}
