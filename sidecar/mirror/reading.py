"""What a message says, read when it is first asked for and then kept."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from sidecar.errors import PayloadError, UnknownProtocol
from sidecar.payload.body import strip_coding
from sidecar.payload.columns import Columns
from sidecar.payload.message import Message
from sidecar.payload.registry import UNKNOWN, decode

NO_DOCUMENT = msgspec.UNSET  # null is a document

_JSON = msgspec.json.Decoder()


class Reading:
    """One message as columns, and as JSON. Used by one thread.

    Args:
        message: a request, or an answer with a 2xx status.
        body_limit_bytes: longest body once its content coding is undone.

    Attributes:
        is_known: whether its content coding is one that can be undone; else nobody knows what it says.
    """

    def __init__(self, message: Message, body_limit_bytes: int) -> None:
        self._body_limit_bytes = body_limit_bytes
        self._plain: Message | None = None  # None when its coding is broken, too, or its body too long
        self.is_known = True
        try:
            self._plain = strip_coding(message, limit_bytes=body_limit_bytes, protocol=UNKNOWN)
        except UnknownProtocol:
            self.is_known = False
        except PayloadError:
            return

    @cached_property
    def columns(self) -> Columns | None:
        """Its rows; None when no decoder can read it."""
        if self._plain is None:
            return None
        try:
            return decode(self._plain, body_limit_bytes=self._body_limit_bytes)
        except PayloadError:
            return None

    @cached_property
    def document(self) -> Any:
        """It as JSON; `NO_DOCUMENT` when it is none, or nested deeper than can be read."""
        if self._plain is None:
            return NO_DOCUMENT
        try:
            return _JSON.decode(self._plain.body)
        except (msgspec.DecodeError, RecursionError):
            return NO_DOCUMENT
