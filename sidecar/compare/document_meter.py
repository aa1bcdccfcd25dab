"""JSON documents side by side."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sidecar.compare.documents import DocumentRules, differences

MOST_PLACES = 256  # paths told apart
PATH_LIMIT = 200  # characters kept of a path
OTHER = "__other__"


class DocumentMeter:
    """Any JSON, by path.

    Args:
        rules: tolerances, and what to pass over.
    """

    def __init__(self, rules: DocumentRules) -> None:
        self._rules = rules
        self._documents = self._same = 0
        self._places: Counter[tuple[str, str]] = Counter()

    def add(self, primary: Any, shadow: Any) -> bool:
        """Takes a pair of documents.

        Args:
            primary: decoded JSON.
            shadow: decoded JSON.

        Returns:
            Whether they disagree.
        """
        found = differences(primary, shadow, self._rules)
        self._documents += 1
        self._same += not found
        named = {(difference.to_text()[:PATH_LIMIT], difference.reason) for difference in found}
        known = set(sorted(named - self._places.keys())[: max(0, MOST_PLACES - len(self._places))])
        known |= named & self._places.keys()
        self._places.update(known | {(OTHER, reason) for _, reason in named - known})
        return bool(found)

    def to_json(self) -> dict[str, Any]:
        """`same`, and the paths that differ in most documents."""
        ranked = sorted(self._places.items(), key=lambda entry: (-entry[1], entry[0]))
        return {
            "documents": self._documents,
            "same": self._same / self._documents if self._documents else None,
            "paths": [
                {"path": path, "reason": reason, "documents": count} for (path, reason), count in ranked
            ],
        }
