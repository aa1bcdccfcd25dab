"""What monitors tell beside their panes, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.hyperloglog import empty_registers
from kernels.runs import TALLIES
from kernels.space_saving import empty_table
from sidecar.profile.beside import Beside
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.joint import JointSums
from sidecar.profile.joint_reference import build_joint, pack_joint
from sidecar.profile.joint_window import ClosedJoint, JointPane
from sidecar.profile.learning import learn_reference
from sidecar.profile.quality_evidence import QualityEvidence
from sidecar.profile.quality_pane import QualityPane
from sidecar.profile.space import Space
from sidecar.profile.unseen_pane import UnseenPane


def space_of(names: Sequence[str] = "ab", seed: int = 1) -> Space:
    """The space of some numeric features that a reference of normal rows has."""
    rows = np.random.default_rng(seed).normal(size=(400, len(names)))
    specs = [FeatureSpec(name, "input", "numeric") for name in names]
    made = build_joint(learn_reference(specs, rows, [()] * len(names)), rows, 128)
    assert made is not None
    return Space.of(pack_joint(made), [])


def joint(first: int, last: int, rows: int = 0, width: int = 1) -> JointPane:
    """Joint sums of panes `first` to `last`, one row each by default."""
    sums = JointSums.empty(width)
    sums.rows = rows or last - first + 1
    sums.sums += 3 * sums.rows
    sums.products += 9 * sums.rows
    return JointPane(10 * first, 10 * last + 10, sums, (), first, last)


def quality(
    start: int, rows: int, *, width: int = 1, messages: int = 0, texts: dict[int, str] | None = None
) -> QualityPane:
    """Data quality of [start, start + 10): all values present, one of the first feature unseen."""
    tallies = np.zeros((width, TALLIES), dtype=np.int64)
    tallies[:, 2] = rows
    registers, table = empty_registers(), empty_table()
    registers[:rows] = 1
    table[:, 0] = 77, rows, 0
    return QualityPane(
        start,
        start + 10,
        rows,
        tallies,
        np.zeros_like(tallies),
        np.zeros((width, 2), dtype=np.int64),
        np.array([[0, 0], [0, messages]]),
        registers,
        {0: UnseenPane(table, registers.copy(), {77: "new"} if texts is None else texts)},
    )


def evidence(until: int, *log_e: float, width: int = 1, blocks: int = 0) -> QualityEvidence:
    """Against the rates of so many features, NaN where nothing is given; of which blocks were learnt."""
    held = np.full(5 * width + 2, np.nan)
    held[: len(log_e)] = log_e
    learnt = np.array([[128 * blocks, 256 * blocks], [0, 10 * blocks]])
    return QualityEvidence(until, 1000.0, held, learnt, np.full((width, 2), blocks, dtype=np.int64))


def beside_of(
    *panes: JointPane | QualityPane, space: Space | None = None, evidence: QualityEvidence | None = None
) -> Beside:
    """What a monitor tells, by default of a space of one feature `a`."""
    granules = tuple(pane for pane in panes if isinstance(pane, JointPane))
    rates = [pane for pane in panes if isinstance(pane, QualityPane)]
    return Beside.of(ClosedJoint(space or space_of(), granules), rates, evidence)
