"""What one monitor holds against the rates of data quality, and what it has learnt of them.

Rates that each monitor learns from its own first rows differ from monitor to monitor, and so do the bands
about them: what was counted cannot be weighed together. Evidence is told as it stands, one number a rate. The
mean of several monitors' M is an e-detector, against the same threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from kernels.binning import F64, I64
from sidecar.profile.packing import pack_counts, unpack_counts

KINDS_A_FEATURE, KINDS_OF_ROWS = 5, 2  # of sidecar.quality.rates


@dataclass(frozen=True, slots=True, eq=False)
class QualityEvidence:
    """At the end of a pane.

    Args:
        until_unix_ns: begin of the pane that was open.
        panes: A, panes between false alarms.
        log_e: ln M of every rate (sidecar.quality.rates), -inf before its first trials, NaN of one that is
            not watched here, shape (5 F + 2,).
        learnt: successes and trials by which rates of rows and messages were learnt, shape (2, 2), int64.
        learnt_blocks: the same of features that were constant, shape (F, 2), int64.
    """

    until_unix_ns: int
    panes: float
    log_e: F64
    learnt: I64
    learnt_blocks: I64

    def to_state(self) -> dict[str, Any]:
        """The evidence for a snapshot.

        Returns:
            Numbers and bytes, in one order.
        """
        return {
            "until_unix_ns": self.until_unix_ns,
            "panes": self.panes,
            "log_e": self.log_e.astype("<f8").tobytes(),
            "learnt": pack_counts(self.learnt),
            "learnt_blocks": pack_counts(self.learnt_blocks),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], width: int) -> QualityEvidence:
        """The evidence of a snapshot.

        Args:
            state: from `to_state`.
            width: F.

        Returns:
            The evidence.

        Raises:
            KeyError, TypeError, ValueError: it is not one, or of another shape.
        """
        log_e = np.frombuffer(state["log_e"], dtype="<f8").astype(np.float64)
        made = cls(
            int(state["until_unix_ns"]),
            float(state["panes"]),
            log_e.reshape(KINDS_A_FEATURE * width + KINDS_OF_ROWS),
            unpack_counts(state["learnt"]).reshape(KINDS_OF_ROWS, 2),
            unpack_counts(state["learnt_blocks"]).reshape(width, 2),
        )
        if not 0.0 < made.panes < np.inf or np.any(log_e > 1000.0):
            raise ValueError("evidence beyond its bounds")
        return made


def later_of(one: QualityEvidence | None, other: QualityEvidence | None) -> QualityEvidence | None:
    """Of what one monitor has told at two times the later.

    Args:
        one, other: in any order.

    Returns:
        One of them. What it learns within a pane may differ; then any choice but by order will do.
    """
    if one is None or other is None:
        return one if other is None else other
    return max(one, other, key=lambda told: (told.until_unix_ns, msgspec.msgpack.encode(told.to_state())))
