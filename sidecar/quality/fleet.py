"""Data quality of several monitors together, from what their snapshots tell.

Counts of values and of messages are those of one monitor that had seen all rows. Repeated rows and constant
features are counted in blocks of 256 rows as they came to each monitor: the sums are those of all monitors'
blocks. What each has learnt from its first rows (`sidecar.quality.rates`) is its own and not told.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernels.hyperloglog import empty_registers, merge_registers
from sidecar.profile.feature import Role
from sidecar.profile.quality_pane import QualityPane
from sidecar.profile.reference import FeatureReference
from sidecar.profile.unseen_pane import unseen_of
from sidecar.quality.rates import ROW_KINDS, QualityRate, feature_rates
from sidecar.quality.report import QualityReport, UnseenReport
from sidecar.quality.sums import SUCCESSES, Sums
from sidecar.quality.watch import QualityCount, distinct_among


def fleet_quality(
    role: Role, features: Sequence[FeatureReference], panes: Sequence[QualityPane]
) -> QualityReport:
    """What several monitors have counted.

    Args:
        role: input or output.
        features: F references by which they have counted.
        panes: of all of them, in any order.

    Returns:
        A report without verdicts, since evidence is not told; totals are those of the panes.
    """
    total, registers = Sums.empty(len(features)), empty_registers()
    for pane in panes:
        total.add(Sums(pane.rows, *pane.arrays))
        merge_registers(registers, pane.registers)
    specs = [feature.spec for feature in features]
    of_rows = [QualityRate(kind, None, None, 0) for kind in ROW_KINDS]
    counted = zip((*feature_rates(specs, features), *of_rows), total.table().tolist(), strict=True)
    counts = tuple(
        QualityCount(rate, pair[SUCCESSES], pair[1], pair[SUCCESSES])
        for rate, pair in counted
        if rate is not None
    )
    return QualityReport(
        role=role,
        counts=counts,
        verdicts=(None,) * len(counts),
        rows=total.rows,
        distinct_rows=distinct_among(registers, total.rows),
        unseen={
            spec.name: UnseenReport(*unseen_of([pane.unseen[at] for pane in panes if at in pane.unseen]))
            for at, spec in enumerate(specs)
            if spec.kind == "categorical"
        },
    )
