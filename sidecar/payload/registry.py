"""The decoders, and the one call that finds the right one.

Detection is by the end of the path, because that is what the model server itself goes by; a message without
a path (a captured response, say) is told by the shape of its body. Another protocol is another entry of
`DECODERS`.
"""

from __future__ import annotations

from typing import Protocol

from sidecar.errors import UnknownProtocol
from sidecar.payload.body import BODY_LIMIT_BYTES, strip_coding
from sidecar.payload.columns import Columns
from sidecar.payload.message import Message
from sidecar.payload.v1 import V1Decoder
from sidecar.payload.v2 import V2Decoder

UNKNOWN = "unknown"  # the protocol named in errors before one is found
NO_SHAPE = "body: expected JSON with inputs, outputs, instances or predictions (V2, V1), got another"
NO_PATH = "path: expected POST to /v2/models/NAME/infer or /v1/models/NAME:predict, got another"


class Decoder(Protocol):
    """Reads the messages of one protocol; `name` is the protocol's, unique in the registry."""

    @property
    def name(self) -> str: ...

    def matches(self, message: Message) -> bool: ...

    def decode(self, message: Message) -> Columns: ...


DECODERS: tuple[Decoder, ...] = (V2Decoder(), V1Decoder())


def decode(
    message: Message, *, decoders: tuple[Decoder, ...] = DECODERS, body_limit_bytes: int = BODY_LIMIT_BYTES
) -> Columns:
    """The columns of a message.

    Args:
        message: a request, or a response with a 2xx status.
        decoders: asked in this order.
        body_limit_bytes: longest body, after its content coding is undone.

    Returns:
        What the first decoder that matches reads.

    Raises:
        UnknownProtocol: no decoder matches, or the one that does cannot read this variant.
        Malformed: the body is not what its protocol asks for.
        TooManyColumns: the message has more columns than the decoder's limit.
    """
    plain = message if message.path else strip_coding(message, limit_bytes=body_limit_bytes, protocol=UNKNOWN)
    for decoder in decoders:
        if decoder.matches(plain):
            return decoder.decode(strip_coding(plain, limit_bytes=body_limit_bytes, protocol=decoder.name))
    raise UnknownProtocol(UNKNOWN, NO_PATH if message.path else NO_SHAPE)
