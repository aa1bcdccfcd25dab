"""How much a shadow may take: requests and bytes a second, requests at once, bytes held.

Whatever is beyond is skipped, never put off: a mirror that falls behind would compare what is no longer true,
and hold more and more on the way.
"""

from __future__ import annotations


class TokenBucket:
    """So many a second, with a burst of one second: requests, or bytes.

    Args:
        most_per_s: > 0.
    """

    __slots__ = ("_last_s", "_most", "_per_s", "_tokens")

    def __init__(self, most_per_s: float) -> None:
        self._per_s = most_per_s
        self._tokens = self._most = max(1.0, most_per_s)
        self._last_s = 0.0

    def has_one(self, now_s: float) -> bool:
        """Whether there is a token.

        Args:
            now_s: monotonic time; one earlier than before adds nothing.
        """
        if now_s > self._last_s:
            self._tokens = min(self._most, self._tokens + (now_s - self._last_s) * self._per_s)
            self._last_s = now_s
        return self._tokens >= 1.0

    def take(self, now_s: float) -> bool:
        """Takes a token.

        Args:
            now_s: as of `has_one`.

        Returns:
            Whether there was one.
        """
        if not self.has_one(now_s):
            return False
        self._tokens -= 1.0
        return True

    def owe(self, tokens: int) -> None:
        """Takes tokens, whether they are there or not: it is known only afterwards how many were needed.

        Args:
            tokens: >= 0.
        """
        self._tokens -= tokens


class Budget:
    """Requests and bytes on their way.

    Args:
        most_requests: at once.
        most_bytes: held for them.

    Attributes:
        requests: held now.
        held_bytes: by these.
    """

    __slots__ = ("_most_bytes", "_most_requests", "held_bytes", "requests")

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self.requests = 0
        self.held_bytes = 0

    def reserve(self, size_bytes: int) -> bool:
        """Takes room for a request.

        Args:
            size_bytes: of the bodies held for it.

        Returns:
            False when there is none; nothing is taken then.
        """
        if self.requests >= self._most_requests or self.held_bytes + size_bytes > self._most_bytes:
            return False
        self.requests += 1
        self.held_bytes += size_bytes
        return True

    def release(self, size_bytes: int) -> None:
        """Gives back what `reserve` took."""
        self.requests -= 1
        self.held_bytes -= size_bytes
