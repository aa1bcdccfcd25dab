"""One exchange that is over, as the mirror takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from sidecar.mirror.answer import Answer

_INFERENCE = re.compile(
    r"/v2/models/[^/]+(?:/versions/[^/]+)?/infer|/v1/models/[^/:]+(?:/versions/[^/:]+)?:predict|/invocations|/predict"
)
_SEQUENCE = re.compile(rb'"sequence_id"\s*:\s*("(?:[^"\\]|\\.)*"|\d+)')
_SHARED_MEMORY = b'"shared_memory_region"'


class Grouping(Protocol):
    """What stays whole when a share is taken; settings of a shadow or of the recording."""

    @property
    def by(self) -> Literal["request", "session", "sequence"]: ...

    @property
    def session_header(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Job:
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
        return _SHARED_MEMORY in self.body

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
                return str(json.loads(found[1]))
        return self.headers.get("x-request-id") or f"{self.number:016x}"
