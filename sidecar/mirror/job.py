"""One exchange that is over, as the mirror takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct, field

from sidecar.mirror.answer import Answer
from sidecar.mirror.reading import Reading
from sidecar.payload.columns import Columns
from sidecar.payload.message import Message

_INFERENCE = re.compile(
    r"/v2/models/[^/]+(?:/versions/[^/]+)?/infer|/v1/models/[^/:]+(?:/versions/[^/:]+)?:predict|/invocations|/predict"
)
_SEQUENCE = re.compile(rb'"sequence_id"\s*:\s*("(?:[^"\\]|\\.)*"|\d+)')
KEPT_BYTES = 262_144  # of a message that is read once for all shadows: a slow one holds what was read
_SHARED_MEMORY = b'"shared_memory_region"'


class Grouping(Protocol):
    """What stays whole when a share is taken; settings of a shadow or of the recording."""

    @property
    def by(self) -> Literal["request", "session", "sequence"]: ...

    @property
    def session_header(self) -> str: ...


class Job(Struct, frozen=True):
    """A request with the primary's answer.

    Args:
        number: the exchange's 64-bit number.
        span_id: of the primary's span, 8 bytes.
        method: upper case.
        target: as the caller sent it.
        path: of the target, without its query.
        headers: of the request, lower-case names.
        body: of the request.
        primary: the primary's answer.
        start_unix_ns: when the request's first byte came.
        decoded: rows of the request and of the primary's answer, where they have been read already.
    """

    number: int
    span_id: bytes
    method: str
    target: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    primary: Answer
    start_unix_ns: int = 0
    decoded: tuple[Columns | None, Columns | None] = (None, None)
    _read: dict[str, Reading] = field(default_factory=dict[str, Reading])
    _shared_memory: list[bool] = field(default_factory=list[bool])

    def inputs(self, body_limit_bytes: int) -> Reading:
        """What was asked. Called by: the mirror's thread, as the other readings.

        Args:
            body_limit_bytes: longest body once its content coding is undone; the same at every call.

        Returns:
            The same object at every call, unless it is long.
        """
        message = Message("request", self.method, self.path, self.headers, self.body)
        return self._kept("inputs", message, body_limit_bytes, self.decoded[0])

    def outputs(self, body_limit_bytes: int) -> Reading:
        """What the primary answered; as `inputs`."""
        return self._kept("outputs", self._response(self.primary), body_limit_bytes, self.decoded[1])

    def read(self, answer: Answer, body_limit_bytes: int) -> Reading:
        """What another server answered.

        Args:
            answer: to this request.
            body_limit_bytes: longest body once its content coding is undone.

        Returns:
            A new object at every call.
        """
        return Reading(self._response(answer), body_limit_bytes)

    def _response(self, answer: Answer) -> Message:
        return Message("response", self.method, self.path, answer.headers, answer.body)

    def _kept(self, side: str, message: Message, body_limit_bytes: int, columns: Columns | None) -> Reading:
        reading = self._read.get(side)
        if reading is None:
            reading = Reading(message, body_limit_bytes, columns)
            if len(message.body) <= KEPT_BYTES:
                self._read[side] = reading
        return reading

    @property
    def size_bytes(self) -> int:
        """Bytes held for it."""
        return len(self.body) + len(self.primary.body)

    @property
    def is_inference(self) -> bool:
        """Whether its path is one that asks a model for an answer."""
        return _INFERENCE.fullmatch(self.path) is not None

    @property
    def uses_shared_memory(self) -> bool:
        """Whether tensors lie in memory that only the primary can see."""
        if not self._shared_memory:  # looked for once, however many shadows ask
            self._shared_memory.append(_SHARED_MEMORY in self.body)
        return self._shared_memory[0]

    def key(self, config: Grouping) -> str:
        """What it belongs to.

        Args:
            config: says whether requests, sessions or sequences stay whole.

        Returns:
            The session or sequence; the request's own id when it has none.
        """
        if config.by == "session":
            session = self.headers.get(config.session_header.lower())
            if session:
                return session
        elif config.by == "sequence":
            found = _SEQUENCE.search(self.body)
            if found is not None:
                return _sequence(found[1])
        return self.headers.get("x-request-id") or f"{self.number:016x}"


def _sequence(text: bytes) -> str:
    """The sequence's name; what is no JSON, whatever the model server says to it, is its own name."""
    try:
        return str(json.loads(text))
    except ValueError:
        return text.decode("latin-1")
