"""What the model server of the soak answers: a function of the request alone, so a caller knows every byte.

A path says how the answer is framed, how long it is and in how many pieces it comes:

    /FRAMING/SIZE/PIECES/PAUSE_MS/TAG      FRAMING: length, final (then the end), chunked, close, sse
    /v2/models/m/infer?TAG                 a V2 answer, so that the monitor has something to analyse
    /tunnel/TAG                            101 when an upgrade is asked for; then every byte comes back turned

The body depends on method, path and the request body's hash: an answer that belongs to another request, a
request that lost or gained a byte on its way, or two answers mixed cannot be right by chance.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

TAG_LINE = b"x-tag"  # in answers: the tag of the request that this is the answer to
HASH_LINE = b"x-body-sha256"  # in requests: what the body's hash must be where it arrives
UNHASHED_TAG = "ready"  # of the one request that carries no hash: it asks whether all is up
TURN = bytes(byte ^ 0x5A for byte in range(256))  # what a tunnel does to each byte
INFER = "/v2/models/m/infer"
BODY_TYPES = {"sse": "text/event-stream", "infer": "application/json"}


@dataclass(frozen=True, slots=True)
class Form:
    """What a path asks for."""

    framing: str
    n_bytes: int
    n_pieces: int
    pause_ms: int
    tag: str

    @property
    def content_type(self) -> str:
        return BODY_TYPES.get(self.framing, "application/octet-stream")


def form_of(path: str) -> Form:
    """Reads a path.

    Raises:
        ValueError: it is none of these.
    """
    if path.startswith(INFER):
        return Form("infer", 0, 1, 0, path.partition("?")[2])
    _, framing, *rest = path.split("/")
    if framing == "tunnel":
        return Form(framing, 64, 1, 0, rest[0])
    n_bytes, n_pieces, pause_ms, tag = rest
    return Form(framing, int(n_bytes), int(n_pieces), int(pause_ms), tag)


def path_of(framing: str, n_bytes: int, n_pieces: int, pause_ms: int, tag: str) -> str:
    """The path that asks for this."""
    if framing == "infer":
        return f"{INFER}?{tag}"
    return f"/tunnel/{tag}" if framing == "tunnel" else f"/{framing}/{n_bytes}/{n_pieces}/{pause_ms}/{tag}"


def body_of(method: str, path: str, request_body: bytes) -> bytes:
    """The right answer's body."""
    form = form_of(path)
    seed = f"{method} {path} ".encode() + hashlib.sha256(request_body).digest()
    if method == "HEAD":
        seed = b"GET" + seed[4:]  # the same length, though nobody sees the bytes
    if form.framing == "infer":
        values = [byte / 256 for byte in hashlib.sha256(seed).digest()[:2]]
        tensor = {"name": "y", "shape": [2], "datatype": "FP64", "data": values}
        return json.dumps({"model_name": "m", "outputs": [tensor]}).encode()
    if form.framing == "sse":
        words = hashlib.shake_256(seed).digest(8 * form.n_pieces).hex()
        return b"".join(
            b"data: %b\n\n" % words[16 * place : 16 * place + 16].encode() for place in range(form.n_pieces)
        )
    return hashlib.shake_256(seed).digest(form.n_bytes)


def pieces_of(body: bytes, n_pieces: int) -> list[bytes]:
    """The body in so many pieces of nearly one size; never an empty one."""
    step = max(1, -(-len(body) // n_pieces))
    return [body[place : place + step] for place in range(0, len(body), step)]
