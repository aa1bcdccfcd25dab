"""What is said about the data of one subject at one moment, frozen for other threads to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sidecar.profile.feature import Role
from sidecar.profile.quality_evidence import QualityEvidence
from sidecar.profile.quality_pane import QualityPane
from sidecar.profile.unseen_pane import Unseen
from sidecar.quality.rates import ROW_KINDS
from sidecar.quality.watch import QualityCount


@dataclass(frozen=True, slots=True)
class UnseenReport:
    """Unseen categories of one feature in the window.

    Args:
        categories: the most frequent first, at most 64.
        distinct: estimated number of different ones.
    """

    categories: tuple[Unseen, ...]
    distinct: float


@dataclass(frozen=True, slots=True)
class QualityVerdict:
    """What an alarm says of one rate.

    Args:
        state: `violated` if and only if `log_e >= log_e_threshold`.
        log_e: evidence; None before the first trials.
        log_e_threshold: what it takes.
        since_unix_s: estimated begin of the change; None unless violated.
    """

    state: Literal["ok", "violated"]
    log_e: float | None
    log_e_threshold: float
    since_unix_s: float | None


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Rates of one (model, version, role), and the unseen categories.

    Args:
        role: input or output.
        counts: every rate with its counts in the window.
        verdicts: for each of them what its alarm says; None for a rate that is watched with its feature, or
            not yet.
        rows: rows of the window.
        distinct_rows: estimated number of different ones.
        unseen: by feature, for categorical ones.
        told: the stretches of time that the window consists of, for snapshots; nothing while a reference is
            being learnt.
        evidence: of the alarm and what was learnt, for snapshots; None likewise.
    """

    role: Role
    counts: tuple[QualityCount, ...]
    verdicts: tuple[QualityVerdict | None, ...]
    rows: int
    distinct_rows: float
    unseen: Mapping[str, UnseenReport]
    told: tuple[QualityPane, ...] = ()
    evidence: QualityEvidence | None = None

    def quality_json(self) -> list[dict[str, Any]]:
        """The entries of `quality` in `GET /api/v1/drift`.

        Returns:
            What has occurred in the window, and the rates of whole rows and messages in any
            case, each with the state of its alarm; numbers, texts and None only.
        """
        return [
            {
                "rate": count.rate.name,
                "role": self.role,
                "feature": count.rate.feature,
                "share": count.successes / count.trials if count.trials else None,
                "successes": count.successes,
                "trials": count.trials,
                "reference_share": count.rate.reference_share,
                "reference_rows": count.rate.reference_rows,
                "state": verdict.state if verdict else None,
                "log_e": verdict.log_e if verdict else None,
                "log_e_threshold": verdict.log_e_threshold if verdict else None,
                "since_unix_s": verdict.since_unix_s if verdict else None,
            }
            for count, verdict in zip(self.counts, self.verdicts, strict=True)
            if count.successes or count.rate.name in ROW_KINDS or (verdict and verdict.state == "violated")
        ]

    def feature_json(self, name: str, categories_seen: int) -> dict[str, Any]:
        """What `GET /api/v1/features/{name}` says of a categorical feature beyond its histogram.

        Args:
            name: of a feature.
            categories_seen: how many known categories occur in the window.

        Returns:
            `unseen`: the unseen categories, each with `category`, `count` (at most so many) and `error` (by
            how much that may be too high); `distinct`: estimated number of different categories. Empty for
            a feature that is not categorical.
        """
        found = self.unseen.get(name)
        if found is None:
            return {}
        return {
            "unseen": [
                {"category": unseen.category, "count": unseen.count, "error": unseen.error}
                for unseen in found.categories
            ],
            "distinct": categories_seen + found.distinct,
        }
