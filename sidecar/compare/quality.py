"""Which of two models is right more often, row by row, where the truth is known.

Rows on which both are right or both are wrong say nothing of which is better; what counts are the others:
McNemar's discordant pairs, here by request, since the rows of one are often alike. The interval is a
confidence sequence (`sidecar.compare.verdict`), so it may be looked at after every label.

Source: McNemar (1947) for what counts.
"""

from __future__ import annotations

import numpy as np

from sidecar.compare.vectors import BoolArray
from sidecar.compare.verdict import Finding, judge_discordant
from sidecar.errors import ShapeMismatch


class QualityPairs:
    """How often only one of the two was right.

    Attributes:
        requests: with at least one labelled row.
        primary_only: sum over these of the share of rows on which only the primary was right.
        shadow_only: likewise of the shadow.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.primary_only = self.shadow_only = 0.0

    def add(self, primary: BoolArray, shadow: BoolArray) -> None:
        """Takes the labelled rows of one request, once all its labels are there.

        Args:
            primary: whether the primary was right, shape (rows,).
            shadow: whether the shadow was, shape (rows,); without rows nothing is counted.

        Raises:
            ShapeMismatch: "quality: primary has 2 rows, shadow has 3".
        """
        if primary.shape != shadow.shape:
            raise ShapeMismatch(f"quality: primary has {primary.size} rows, shadow has {shadow.size}")
        if primary.size == 0:
            return
        self.requests += 1
        self.primary_only += float(np.mean(primary & ~shadow))
        self.shadow_only += float(np.mean(shadow & ~primary))

    def merge(self, other: QualityPairs) -> None:
        """Adds the requests of another one."""
        self.requests += other.requests
        self.primary_only += other.primary_only
        self.shadow_only += other.shadow_only

    def judge(self, margin: float, alpha: float) -> Finding:
        """Whether the shadow is wrong more often.

        Args:
            margin: difference of the shares of wrong rows that does not matter, 0 to 1.
            alpha: error probability of this finding.

        Returns:
            The finding `quality`; its interval is of the shadow's share of wrong rows less the primary's.
        """
        return judge_discordant(
            "quality", (self.shadow_only, self.primary_only), self.requests, margin, alpha
        )
