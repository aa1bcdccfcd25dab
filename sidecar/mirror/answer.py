"""What came back for a request, and what kept anything from coming back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

Failure = Literal["connect", "timeout", "broken", "too_long"]


class Answer(Struct, frozen=True):
    """One server's answer.

    Args:
        status: its code; 0 when none came.
        headers: lower-case names.
        body: with its transfer coding removed.
        latency_s: from the request's begin to the body's end.
        failure: why it is no whole answer; None when it is.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    latency_s: float = 0.0
    failure: Failure | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is whole and says that all went well."""
        return self.failure is None and 200 <= self.status < 300
