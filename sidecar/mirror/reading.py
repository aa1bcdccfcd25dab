"""What a message says, read when it is first asked for and then kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from sidecar.errors import PayloadError, UnknownProtocol
from sidecar.payload.body import strip_coding
from sidecar.payload.columns import Columns
from sidecar.payload.message import Message
from sidecar.payload.registry import UNKNOWN, decode

NO_DOCUMENT = msgspec.UNSET  # null is a document

_JSON = msgspec.json.Decoder()

T = TypeVar("T")


class kept(Generic[T]):
    """`functools.cached_property` without its lock, which is most of its cost and gone in Python 3.12."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read

    def __get__(self, owner: Any, _owner_type: type[Any]) -> T:
        value = owner.__dict__[self._read.__name__] = self._read(owner)
        return value


class Reading:
    """One message as columns, and as JSON. Used by one thread.

    Args:
        message: a request, or an answer with a 2xx status.
        body_limit_bytes: longest body once its content coding is undone.
        columns: its rows, when somebody has read them.
    """

    def __init__(self, message: Message, body_limit_bytes: int, columns: Columns | None = None) -> None:
        self._message = message
        self._body_limit_bytes = body_limit_bytes
        if columns is not None:
            self.__dict__["columns"] = columns

    @kept
    def is_known(self) -> bool:
        """Whether its content coding is one that can be undone; else nobody knows what it says."""
        return "columns" in self.__dict__ or self._stripped[1]

    @kept
    def _stripped(self) -> tuple[Message | None, bool]:
        """Without its content coding, None when that is broken, or its body too long; and whether the coding
        is a known one."""
        try:
            return strip_coding(self._message, limit_bytes=self._body_limit_bytes, protocol=UNKNOWN), True
        except UnknownProtocol:
            return None, False
        except PayloadError:
            return None, True

    @kept
    def columns(self) -> Columns | None:
        """Its rows; None when no decoder can read it."""
        if self._stripped[0] is None:
            return None
        try:
            return decode(self._stripped[0], body_limit_bytes=self._body_limit_bytes)
        except PayloadError:
            return None

    @kept
    def document(self) -> Any:
        """It as JSON; `NO_DOCUMENT` when it is none, or nested deeper than can be read."""
        if self._stripped[0] is None:
            return NO_DOCUMENT
        try:
            return _JSON.decode(self._stripped[0].body)
        except (msgspec.DecodeError, RecursionError):
            return NO_DOCUMENT
