"""Data quality of several monitors together, from what their snapshots tell.

Counts of values and of messages are those of one monitor that had seen all rows. Repeated rows and constant
features are counted in blocks of 256 rows as they came to each monitor: the sums are those of all monitors'
blocks. What each has learnt from its first rows (`sidecar.quality.rates`) adds up likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from kernels.hyperloglog import empty_registers, merge_registers
from sidecar.profile.feature import Role
from sidecar.profile.quality_evidence import QualityEvidence
from sidecar.profile.quality_pane import QualityPane
from sidecar.profile.reference import FeatureReference
from sidecar.profile.unseen_pane import unseen_of
from sidecar.quality.rates import all_rates, feature_rates
from sidecar.quality.report import QualityReport, QualityVerdict, UnseenReport
from sidecar.quality.sums import SUCCESSES, Sums
from sidecar.quality.watch import QualityCount, distinct_among

NO_VERDICTS: Mapping[int, QualityVerdict] = MappingProxyType({})


def fleet_quality(
    role: Role,
    features: Sequence[FeatureReference],
    panes: Sequence[QualityPane],
    evidence: Sequence[QualityEvidence] = (),
    verdicts: Mapping[int, QualityVerdict] = NO_VERDICTS,
) -> QualityReport:
    """What several monitors have counted.

    Args:
        role: input or output.
        features: F references by which they have counted.
        panes: of all of them, in any order.
        evidence: of all of them; here what they have learnt counts.
        verdicts: what the alarm says, by the rate's place.

    Returns:
        A report; totals are those of the panes.
    """
    total, registers = Sums.empty(len(features)), empty_registers()
    for pane in panes:
        total.add(Sums(pane.rows, *pane.arrays))
        merge_registers(registers, pane.registers)
    specs = [feature.spec for feature in features]
    learnt = np.sum([told.learnt for told in evidence] or [np.zeros((2, 2), dtype=np.int64)], axis=0)
    nothing = np.zeros((len(specs), 2), dtype=np.int64)
    blocks = np.sum([told.learnt_blocks for told in evidence] or [nothing], axis=0)
    rates = all_rates(feature_rates(specs, features), learnt, blocks)
    counted = zip(rates, total.table().tolist(), strict=True)
    counts = tuple(
        QualityCount(rate, pair[SUCCESSES], pair[1], pair[SUCCESSES])
        for rate, pair in counted
        if rate is not None
    )
    return QualityReport(
        role=role,
        counts=counts,
        verdicts=tuple(verdicts.get(place) for place, rate in enumerate(rates) if rate is not None),
        rows=total.rows,
        distinct_rows=distinct_among(registers, total.rows),
        unseen={
            spec.name: UnseenReport(*unseen_of([pane.unseen[at] for pane in panes if at in pane.unseen]))
            for at, spec in enumerate(specs)
            if spec.kind == "categorical"
        },
    )
