"""How an answer is framed for the caller: the upstream's, whose length may be told otherwise, and our own."""

from __future__ import annotations

from typing import NamedTuple

from sidecar.errors import Side
from sidecar.http1.chunked import encode_chunk, encode_last_chunk
from sidecar.http1.fields import CHUNKED
from sidecar.http1.part import Part
from sidecar.http1.preface import PREFACE_METHOD
from sidecar.http1.problem import encode_problem
from sidecar.http1.request import RequestHead
from sidecar.http1.response import ResponseHead

_CHUNKED_LINE = b"transfer-encoding: chunked\r\n"


class Chunker:
    """Sends a body in chunks, one for each part that came.

    Attributes:
        trailer: the lines that end it, each with CRLF.
    """

    __slots__ = ("trailer",)

    def __init__(self) -> None:
        self.trailer = b""

    def frame(self, body: Part, complete: bool) -> bytes:
        """The part, framed.

        Args:
            body: may be empty.
            complete: whether it is the last one.
        """
        framed = encode_chunk(bytes(body)) if body else b""
        return framed + encode_last_chunk(self.trailer) if complete else framed


class Framing(NamedTuple):
    """What the caller is told of the body's end.

    Attributes:
        lines: header lines to add.
        chunker: frames the body, None when it goes as it is.
        closing: whether the connection ends behind it.
    """

    lines: bytes
    chunker: Chunker | None
    closing: bool


def frame_answer(request: RequestHead, response: ResponseHead, *, closing: bool) -> Framing:
    """Decides how the caller learns where the body and the connection end.

    Args:
        request: the caller's.
        response: the upstream's.
        closing: the connection ends in any case.
    """
    lines: bytes = b""
    chunker: Chunker | None = None
    if request.is_head:
        if response.body_length == CHUNKED:
            lines = _CHUNKED_LINE  # what a GET would have got
    elif response.body_length < 0:
        if request.chunks_allowed:
            lines, chunker = _CHUNKED_LINE, Chunker()
        else:
            closing = True  # a caller that knows no chunks reads until the end
    if closing:
        lines += b"connection: close\r\n"
    elif request.says_keep_alive:
        lines += b"connection: keep-alive\r\n"
    return Framing(lines, chunker, closing)


def own_answer(
    status: int,
    detail: str,
    side: Side,
    request: RequestHead,
    request_id: bytes,
    *,
    close: bool,
    retry_after_s: float,
) -> bytes:
    """The bytes of an answer that the sidecar makes itself; none for an HTTP/2 caller, whose client takes a
    connection that ends without a word for what it is, an upstream that is not there.

    Args:
        status: 400 to 599.
        detail: one line, without anything secret.
        side: which side is at fault.
        request: the caller's.
        request_id: the exchange's.
        close: whether the connection ends behind it.
        retry_after_s: for a 503.
    """
    if request.method == PREFACE_METHOD:
        return b""
    return encode_problem(
        status,
        detail,
        side,
        request_id,
        close=close,
        without_body=request.is_head,
        retry_after_s=retry_after_s,
    )
