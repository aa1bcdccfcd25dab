"""Everything that is watched about one subject's data: counts in, rates out.

Counts lie in one table of 5 F + 2 rates (`sidecar.quality.rates`), successes beside trials, as whole numbers:
they merge by addition. A detector takes what came since it asked last; a reader sees the sums of the horizon.
The counts of blocks and of messages belong to the moment at which a block became whole or a message was
decoded, so unlike those of values they follow the order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.hashing import fill_row_hashes
from kernels.hyperloglog import empty_registers, estimate, fill_registers, merge_registers
from kernels.runs import ABOVE, BELOW, PRESENT, TALLIES, TYPE_ERRORS, fill_runs
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.granules import Granules
from sidecar.profile.reference import FeatureReference
from sidecar.profile.repeats import BLOCK_ROWS, RepeatCounter
from sidecar.quality.rates import FEATURE_KINDS, ROW_KINDS, RUN_ROWS, QualityRate, feature_rates, ranges
from sidecar.quality.shape import CHANGED, MESSAGES

SUCCESSES = 0
TRIALS = 1
LEARN_BLOCKS = 64
LEARN_MESSAGES = 1000
_LEAST_TRIALS = (LEARN_BLOCKS * BLOCK_ROWS, LEARN_MESSAGES)  # in the order of ROW_KINDS
_ROWS_A_TRIAL = (BLOCK_ROWS, 1)
_MISSING, _TYPE_ERROR, _UNSEEN, _OUT_OF_RANGE, _CONSTANT = range(len(FEATURE_KINDS))


@dataclass(frozen=True, slots=True)
class QualityCount:
    """One rate as it is now.

    Args:
        rate: what it is.
        successes: in the horizon.
        trials: in the horizon; for `duplicate_rows` these two are rows, of whole blocks.
        total: successes since this monitor began.
    """

    rate: QualityRate
    successes: int
    trials: int
    total: int


@dataclass(slots=True)
class _Granule:
    counts: I64
    rows: int
    registers: Any


class QualityWatch:
    """Data quality of one subject.

    Args:
        specs: F features.
        features: for each its reference, None while that is being learnt.
        horizon_ns: length of the window that is shown.
    """

    def __init__(
        self, specs: Sequence[FeatureSpec], features: Sequence[FeatureReference | None], horizon_ns: int
    ) -> None:
        self._specs = tuple(specs)
        width = len(self._specs)
        self._size = len(FEATURE_KINDS) * width + len(ROW_KINDS)
        self._latest = np.full(width, np.nan)
        self._runs = np.zeros(width, dtype=np.int64)
        self._repeats = RepeatCounter()
        self._messages = np.zeros(2, dtype=np.int64)  # as last told by `take_messages`
        self.totals = np.zeros((self._size, 2), dtype=np.int64)
        self._taken = self.totals.copy()
        self._learnt = np.zeros((len(ROW_KINDS), 2), dtype=np.int64)
        self._granules: Granules[_Granule] = Granules(
            horizon_ns, lambda: _Granule(np.zeros((self._size, 2), dtype=np.int64), 0, empty_registers())
        )
        self.use(features)

    def use(self, features: Sequence[FeatureReference | None]) -> None:
        """Judges by these references from now on.

        Args:
            features: F references; None while one is being learnt.
        """
        self._rates = feature_rates(self._specs, features)
        self._ranges = ranges(features)
        watched = np.array([rate is not None for rate in self._rates], dtype=bool).reshape(
            len(FEATURE_KINDS), -1
        )
        self._can_be_constant = watched[_CONSTANT]
        self._is_categorical = np.array([spec.kind == "categorical" for spec in self._specs], dtype=bool)
        self._has_range = watched[_OUT_OF_RANGE] | watched[_UNSEEN]

    @property
    def rates(self) -> tuple[QualityRate | None, ...]:
        """Every rate of the table, None where there is none: 5 F of features, then those of `ROW_KINDS`."""
        rows = []
        for kind, (successes, trials), rows_a_trial in zip(
            ROW_KINDS, self._learnt.tolist(), _ROWS_A_TRIAL, strict=True
        ):
            known = self._is_learnt(ROW_KINDS.index(kind))
            share = successes / trials if known else None
            rows.append(QualityRate(kind, None, share, trials // rows_a_trial))
        return (*self._rates, *rows)

    def fill(self, rows: F64, unix_ns: int) -> None:
        """Takes in rows in the order of their arrival.

        Args:
            rows: shape (n, F), float64, C order; may be a read-only view; not kept.
            unix_ns: their time.
        """
        granule = self._granules.at(unix_ns)
        granule.rows += rows.shape[0]
        hashes = np.empty(rows.shape[0], dtype=np.uint64)
        fill_row_hashes(rows, hashes)
        fill_registers(hashes, granule.registers)
        start = 0
        while start < rows.shape[0]:
            end = min(start + self._repeats.room, rows.shape[0])
            self._fill_piece(rows[start:end], hashes[start:end], granule.counts)
            start = end

    def take_messages(self, counts: I64, unix_ns: int) -> None:
        """Takes in what was counted of messages.

        Args:
            counts: of a `ShapeCounter`, which only grow.
            unix_ns: now.
        """
        now = counts[[CHANGED, MESSAGES]]
        delta = now - self._messages
        self._messages = now
        if delta.any():
            self._add(len(self._specs) * len(FEATURE_KINDS) + 1, delta, self._granules.at(unix_ns).counts)

    def take(self) -> tuple[F64, F64]:
        """What came since the last call, for a detector.

        Returns:
            Successes and trials of every rate of `rates`, two arrays of shape (5 F + 2,), float64; both 0
            where there is no rate or its share is being learnt. A block of rows is one trial, and its
            successes are its share of repeated rows.
        """
        delta = (self.totals - self._taken).astype(np.float64)
        self._taken = self.totals.copy()
        for place, rate in enumerate(self.rates):
            if rate is None or rate.reference_share is None:
                delta[place] = 0.0
        delta[-len(ROW_KINDS) :] /= np.array(_ROWS_A_TRIAL)[:, np.newaxis]
        return delta[:, SUCCESSES].copy(), delta[:, TRIALS].copy()

    def expire(self, unix_ns: int) -> None:
        """Drops what lies wholly before the horizon.

        Args:
            unix_ns: now.
        """
        self._granules.expire(unix_ns)

    def counts(self) -> tuple[QualityCount, ...]:
        """Every rate with its counts in the horizon, features first."""
        window = np.zeros((self._size, 2), dtype=np.int64)
        for granule in self._granules.all():
            window += granule.counts
        return tuple(
            QualityCount(rate, successes, trials, total)
            for rate, (successes, trials), total in zip(
                self.rates, window.tolist(), self.totals[:, SUCCESSES].tolist(), strict=True
            )
            if rate is not None
        )

    def distinct_rows(self) -> tuple[float, int]:
        """Different rows in the horizon.

        Returns:
            Their number, estimated with a standard error of 1.6 %; and the number of all rows.
        """
        registers, rows = empty_registers(), 0
        for granule in self._granules.all():
            merge_registers(registers, granule.registers)
            rows += granule.rows
        return min(float(estimate(registers)), float(rows)), rows

    def _fill_piece(self, rows: F64, hashes: Any, counts: I64) -> None:
        """Rows that end with the block of 256 at the latest."""
        width = len(self._specs)
        tallies = np.zeros((width, TALLIES), dtype=np.int64)
        fill_runs(rows, self._ranges, self._latest, self._runs, tallies)
        n, present, strange = rows.shape[0], tallies[:, PRESENT], tallies[:, TYPE_ERRORS]
        outside = tallies[:, BELOW] + tallies[:, ABOVE]
        delta = np.zeros((len(FEATURE_KINDS), width, 2), dtype=np.int64)
        delta[: _TYPE_ERROR + 1, :, TRIALS] = n
        delta[_MISSING, :, SUCCESSES] = n - present - strange
        delta[_TYPE_ERROR, :, SUCCESSES] = strange
        for kind, concerned in ((_UNSEEN, self._is_categorical), (_OUT_OF_RANGE, ~self._is_categorical)):
            delta[kind, :, SUCCESSES] = np.where(concerned & self._has_range, outside, 0)
            delta[kind, :, TRIALS] = np.where(concerned & self._has_range, present, 0)
        repeats_before = self._repeats.repeats
        if self._repeats.take(hashes):
            delta[_CONSTANT, :, SUCCESSES] = self._can_be_constant & (self._runs >= RUN_ROWS)
            delta[_CONSTANT, :, TRIALS] = self._can_be_constant
            repeats = np.array([self._repeats.repeats - repeats_before, BLOCK_ROWS], dtype=np.int64)
            self._add(len(FEATURE_KINDS) * width, repeats, counts)
        flat = delta.reshape(-1, 2)
        counts[: flat.shape[0]] += flat
        self.totals[: flat.shape[0]] += flat

    def _add(self, place: int, delta: I64, counts: I64) -> None:
        """Counts of blocks or messages; the first ones are learnt from, and not judged."""
        counts[place] += delta
        self.totals[place] += delta
        kind = place - len(FEATURE_KINDS) * len(self._specs)
        if not self._is_learnt(kind):
            self._learnt[kind] += delta
            self._taken[place] = self.totals[place]

    def _is_learnt(self, kind: int) -> bool:
        return bool(self._learnt[kind, TRIALS] >= _LEAST_TRIALS[kind])

    # --- checkpoint

    def to_state(self) -> dict[str, Any]:
        """The watch for a checkpoint.

        Returns:
            Numbers, bytes, lists and dictionaries; `restore` goes on without changing a number. The totals
            begin anew, as every counter of a process does.
        """
        return {
            "latest": self._latest.astype("<f8").tobytes(),
            "runs": self._runs.astype("<i8").tobytes(),
            "repeats": self._repeats.to_state(),
            "pending": (self.totals - self._taken).astype("<i8").tobytes(),
            "learnt": self._learnt.astype("<i8").tobytes(),
            "granules": [
                [start, granule.rows, granule.counts.astype("<i8").tobytes(), granule.registers.tobytes()]
                for start, granule in self._granules.items()
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`, of a watch of the same features.

        Raises:
            ValueError, KeyError, TypeError: it is damaged, or of other features.
        """
        self._latest[:] = np.frombuffer(state["latest"], dtype="<f8")
        self._runs[:] = np.frombuffer(state["runs"], dtype="<i8")
        self._repeats.restore(state["repeats"])
        self._taken[:] = self.totals - np.frombuffer(state["pending"], dtype="<i8").reshape(-1, 2)
        self._learnt[:] = np.frombuffer(state["learnt"], dtype="<i8").reshape(-1, 2)
        for start, rows, counts, registers in state["granules"]:
            granule = self._granules.at(start)
            granule.rows = int(rows)
            granule.counts[:] = np.frombuffer(counts, dtype="<i8").reshape(-1, 2)
            granule.registers[:] = np.frombuffer(registers, dtype=np.uint8)
