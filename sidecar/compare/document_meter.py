"""JSON documents side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sidecar.compare.documents import Difference, DocumentRules, differences
from sidecar.compare.state import DocumentState

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
        return self.count(differences(primary, shadow, self._rules))

    def count(self, found: Sequence[Difference]) -> bool:
        """Takes what a pair of documents differs in; as `add`.

        Args:
            found: by `differences`.
        """
        self._documents += 1
        self._same += not found
        named = {(difference.to_text()[:PATH_LIMIT], difference.reason) for difference in found}
        known = set(sorted(named - self._places.keys())[: max(0, MOST_PLACES - len(self._places))])
        known |= named & self._places.keys()
        self._places.update(known | {(OTHER, reason) for _, reason in named - known})
        return bool(found)

    def to_state(self) -> DocumentState:
        """The meter for a checkpoint; it holds paths and no values."""
        places = [(path, reason, count) for (path, reason), count in self._places.items()]
        return DocumentState(self._documents, self._same, places)

    @classmethod
    def from_state(cls, state: DocumentState, rules: DocumentRules) -> DocumentMeter:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.
            rules: as before.
        """
        meter = cls(rules)
        meter._documents, meter._same = state.documents, state.same
        meter._places = Counter({(path, reason): count for path, reason, count in state.places})
        return meter

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
