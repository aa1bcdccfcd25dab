"""Which columns' values are neither shown nor kept on a disk."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.compare.documents import matches


class Redaction:
    """What a shadow's `redact` says.

    Args:
        patterns: names of columns, or patterns as in `sidecar.compare.documents`.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = tuple(patterns)

    def hides(self, name: str) -> bool:
        """Whether a column's values are hidden.

        Args:
            name: of the column, `NAME` or `NAME[i]`.
        """
        if not self._patterns:
            return False
        path = tuple(step for step in name.replace("[", ".").replace("]", "").split(".") if step)
        return any(pattern == name or matches(pattern, path) for pattern in self._patterns)


NOTHING_HIDDEN = Redaction()
