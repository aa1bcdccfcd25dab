"""Whether an answer is one that a caller may get: the exact one, one error, or a cut after it began."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.soak.answers import HASH_LINE, TAG_LINE, body_of, form_of


class End(StrEnum):
    """How the reading of an answer ended."""

    WHOLE = "whole"  # as its framing says
    CLOSED = "closed"  # by an end of the connection
    RESET = "reset"
    LATE = "late"  # nothing came for longer than any limit of the sidecar's
    GARBLED = "garbled"  # not HTTP


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    Attributes:
        old: whether it is HTTP/1.0.
        lines: header lines beside Host and the framing.
    """

    method: str
    path: str
    body: bytes = b""
    old: bool = False
    lines: tuple[bytes, ...] = ()

    @property
    def tag(self) -> str:
        return form_of(self.path).tag

    def head(self, *lines: bytes) -> bytes:
        """The head's bytes; the framing is among `lines`."""
        first = f"{self.method} {self.path} HTTP/1.{0 if self.old else 1}".encode()
        return b"\r\n".join([first, b"Host: model", *self.lines, *lines, b"", b""])


@dataclass(slots=True)
class Answer:
    """What came back.

    Attributes:
        status: 0 while its head is incomplete.
        lines: header lines, names in lower case.
        body: as far as it came, without framing.
        end: how the reading ended.
        n_raw_bytes: of a head, whole or not; 0 when nothing came.
    """

    status: int = 0
    lines: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    end: End = End.WHOLE
    n_raw_bytes: int = 0

    @property
    def keeps(self) -> bool:
        """Whether the connection can carry another request."""
        return self.end is End.WHOLE and self.lines.get(b"connection", b"").lower() != b"close"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`name` is exact, refused N, cut, short, truncated, nothing, late or wrong; `fault` says why."""

    name: str
    fault: str = ""


def judge(ask: Ask, answer: Answer) -> Outcome:
    """Says what an answer is; only one with an empty `fault` is allowed."""
    if answer.end is End.LATE:
        return Outcome("late", f"nothing for too long after {answer.n_raw_bytes} bytes")
    if answer.end is End.GARBLED:
        return Outcome("wrong", "not HTTP")
    if answer.status == 0:
        if answer.n_raw_bytes:
            return Outcome("cut")
        return Outcome("nothing", f"{answer.end} without a byte of an answer")
    if answer.status >= 400:
        return _judge_error(ask, answer)
    if answer.status != 200:
        return Outcome("wrong", f"status {answer.status}")
    if answer.lines.get(TAG_LINE, b"").decode() != ask.tag:
        return Outcome("wrong", f"answer to {answer.lines.get(TAG_LINE)!r}")
    return _judge_body(ask, answer)


def _judge_body(ask: Ask, answer: Answer) -> Outcome:
    expected = body_of(ask.method, ask.path, ask.body)
    framing = form_of(ask.path).framing
    if ask.method == "HEAD":
        length = answer.lines.get(b"content-length")
        right = length is None if framing in ("chunked", "close", "sse") else length == b"%d" % len(expected)
        return Outcome("exact") if right else Outcome("wrong", f"content-length {length!r}")
    if answer.end is End.WHOLE and answer.body == expected:
        return Outcome("exact")
    if not expected.startswith(answer.body):
        place = next(i for i, (a, b) in enumerate(zip(answer.body, expected + b"\0", strict=False)) if a != b)
        return Outcome("wrong", f"byte {place} of {len(expected)} differs ({len(answer.body)} came)")
    if answer.end is not End.WHOLE:
        return Outcome("cut")
    if framing == "close":  # the model server's own end is all that told how long the answer is
        return Outcome("short")
    return Outcome("truncated", f"{len(answer.body)} of {len(expected)} bytes as if they were all")


def _judge_error(ask: Ask, answer: Answer) -> Outcome:
    """One well-formed problem document that blames the side that failed; these callers are never at fault."""
    name = f"refused {answer.status}"
    if answer.lines.get(b"server") != b"sidecar":
        return Outcome(name, "an error that is not the sidecar's")
    if answer.lines.get(b"content-type") != b"application/problem+json":
        return Outcome(name, f"content-type {answer.lines.get(b'content-type')!r}")
    if answer.status < 500:
        return Outcome(name, f"the caller is blamed: {answer.body[:200]!r}")
    if answer.end is not End.WHOLE:
        return Outcome(name, f"an error that is {answer.end} after {len(answer.body)} bytes")
    if ask.method == "HEAD":
        return Outcome(name)
    try:
        document = json.loads(answer.body)
    except ValueError:
        return Outcome(name, f"not JSON: {answer.body[:200]!r}")
    if document.get("status") != answer.status:
        return Outcome(name, f"a document with status {document.get('status')}")
    return Outcome(name)


def hash_line(digest: str) -> bytes:
    """The line that tells the model server what the body must be."""
    return HASH_LINE + b": " + digest.encode()
