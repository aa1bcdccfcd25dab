"""Reads response heads for all connections of a pool: those seen before from memory, others strictly."""

from __future__ import annotations

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import HeadTooLarge
from sidecar.http1.memo import MAX_KEY_BYTES, HeadMemo
from sidecar.http1.response import ResponseHead, parse_response_head


class ResponseHeads:
    """What responses' heads say.

    Args:
        limits: sizes of heads.
        redacted: lower-case names of header lines that are not recorded.

    Attributes:
        memo: heads seen before; looked into directly on the hot path.
    """

    def __init__(self, limits: LimitsConfig, redacted: frozenset[bytes]) -> None:
        self.memo: HeadMemo[bytes, ResponseHead] = HeadMemo()
        self._limits = limits
        self._redacted = redacted

    def read(self, raw: bytes) -> ResponseHead:
        """The head that these bytes are.

        Args:
            raw: from the first byte to the empty line, both included.

        Raises:
            WireError: the upstream broke the rules.
        """
        head = self.memo.find(raw)
        if head is not None:
            return head
        limit = self._limits.head_bytes
        if len(raw) > limit:
            raise HeadTooLarge("upstream", 502, f"head: expected at most {limit} bytes, got more")
        head = parse_response_head(raw, self._limits, self._redacted)
        if len(raw) <= MAX_KEY_BYTES:
            self.memo.keep(raw, head)
        return head
