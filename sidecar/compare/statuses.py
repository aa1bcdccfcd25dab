"""Status codes of primary and shadow as a matrix."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NO_ANSWER = 0  # in place of a status: none came
_FIRST_ERROR = 500


@dataclass(slots=True)
class StatusMatrix:
    """How often each pair of status codes occurred.

    Another thread may read while one adds: figures are made from a list of the counts, made at once.

    Attributes:
        counts: by (primary's, shadow's) code; `NO_ANSWER` where none came.
    """

    counts: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(self, primary: int, shadow: int) -> None:
        """Counts a pair.

        Args:
            primary: 100 to 599, or `NO_ANSWER`.
            shadow: likewise.
        """
        self.counts[_bounded(primary), _bounded(shadow)] += 1

    def merge(self, other: StatusMatrix) -> None:
        """Adds the counts of another matrix."""
        self.counts.update(other.counts)

    @property
    def pairs(self) -> int:
        """Pairs counted."""
        return self.counts.total()

    def errors(self) -> tuple[int, int]:
        """Errors of the primary and of the shadow: 5xx, or no answer."""
        ours = sum(count for (primary, _), count in list(self.counts.items()) if is_error(primary))
        theirs = sum(count for (_, shadow), count in list(self.counts.items()) if is_error(shadow))
        return ours, theirs

    def discordant(self) -> tuple[int, int]:
        """Pairs on which only the primary, and on which only the shadow failed: what a paired test needs."""
        ours = theirs = 0
        for (primary, shadow), count in list(self.counts.items()):
            ours += count * (is_error(primary) and not is_error(shadow))
            theirs += count * (is_error(shadow) and not is_error(primary))
        return ours, theirs

    def entries(self) -> list[tuple[int, int, int]]:
        """The primary's code, the shadow's, and how often, for a checkpoint."""
        return [(primary, shadow, count) for (primary, shadow), count in self.counts.items()]

    def to_json(self) -> list[dict[str, Any]]:
        """The matrix as JSON.

        Returns:
            One entry a pair of codes, most frequent first; None for no answer.
        """
        ranked = sorted(self.counts.items(), key=lambda entry: (-entry[1], entry[0]))
        return [
            {"primary": primary or None, "shadow": shadow or None, "count": count}
            for (primary, shadow), count in ranked
        ]


def is_error(status: int) -> bool:
    """Whether a status says that the server failed.

    Args:
        status: code, or `NO_ANSWER`.

    Returns:
        True for 5xx and for no answer; what the caller did wrong is no error of the server.
    """
    return status == NO_ANSWER or status >= _FIRST_ERROR


def _bounded(status: int) -> int:
    return status if 100 <= status < 600 else NO_ANSWER
