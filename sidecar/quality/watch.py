"""Everything that is watched about one subject's data: counts in, rates out.

Counts are whole numbers and merge by addition. A detector takes what came since it asked last; a reader sees
the sums of the horizon. Both see them as one table of 5 F + 2 rates (`sidecar.quality.rates`), successes
beside trials; it is put together when somebody asks, since most blocks of rows are small.

The counts of blocks and of messages belong to the moment at which a block became whole or a message was
decoded, so unlike those of values they follow the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.hashing import U8, fill_row_hashes
from kernels.hyperloglog import empty_registers, estimate, fill_registers, merge_registers
from kernels.runs import fill_runs
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.granules import Granules
from sidecar.profile.reference import FeatureReference
from sidecar.profile.repeats import BLOCK_ROWS, RepeatCounter
from sidecar.profile.units import Chosen
from sidecar.quality.rates import (
    FEATURE_KINDS,
    LEARN_BLOCKS,
    LEAST_TRIALS,
    ROW_KINDS,
    ROWS_A_TRIAL,
    RUN_ROWS,
    QualityRate,
    all_rates,
    feature_rates,
    ranges,
)
from sidecar.quality.shape import CHANGED, MESSAGES
from sidecar.quality.sums import SUCCESSES, TRIALS, Sums

_DUPLICATES, _SHAPE = range(len(ROW_KINDS))
_CONSTANT = FEATURE_KINDS.index("constant")


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


@dataclass(slots=True, eq=False)
class _Granule:
    sums: Sums
    registers: U8


def distinct_among(registers: U8, rows: int) -> float:
    """Estimated number of different rows.

    Args:
        registers: of their hashes.
        rows: how many there are.

    Returns:
        At most that many.
    """
    return min(float(estimate(registers)), float(rows))


class QualityWatch:
    """Data quality of one subject.

    Args:
        specs: F features.
        features: for each its reference, None while that is being learnt.
        horizon_ns: length of the window that is shown.

    Memory: 33 stretches of 4.2 KB and 80 B a feature: 0.4 MB for 100 features, 2.8 MB for 1,000; and as much
    again for the copies that are told in snapshots.
    """

    def __init__(
        self, specs: Sequence[FeatureSpec], features: Sequence[FeatureReference | None], horizon_ns: int
    ) -> None:
        self._specs = tuple(specs)
        width = len(self._specs)
        self._latest = np.full(width, np.nan)
        self._runs = np.zeros(width, dtype=np.int64)
        self._repeats = RepeatCounter()
        self._messages = np.zeros(2, dtype=np.int64)  # as last told by `take_messages`
        self._learnt = np.zeros((len(ROW_KINDS), 2), dtype=np.int64)
        self._learnt_blocks = np.zeros((width, 2), dtype=np.int64)
        self._past = Sums.empty(width)  # what has left the horizon
        self._granules: Granules[_Granule] = Granules(
            horizon_ns, lambda: _Granule(Sums.empty(width), empty_registers())
        )
        self._taken = self._past.trials()
        self.use(features)

    def use(self, features: Sequence[FeatureReference | None]) -> None:
        """Judges by these references from now on; what was counted before is in the totals alone.

        Args:
            features: F references; None while one is being learnt.
        """
        self._of_reference = feature_rates(self._specs, features)
        self._ranges = ranges(features)
        watched = [rate is not None for rate in self._of_reference]
        self._can_be_constant = np.array(watched, dtype=bool).reshape(len(FEATURE_KINDS), -1)[_CONSTANT]
        self._retire(self._granules.drop_before(None))
        self._taken = self._totals().trials()
        self._name_rates()

    @property
    def rates(self) -> tuple[QualityRate | None, ...]:
        """Every rate of the table, None where there is none: 5 F of features, then those of `ROW_KINDS`."""
        return self._rates

    @property
    def learnt(self) -> tuple[I64, I64]:
        """What rates were learnt from so far: of rows and messages, shape (2, 2); of blocks, (F, 2)."""
        return self._learnt, self._learnt_blocks

    def fill(self, rows: F64, unix_ns: int, chosen: Chosen | None = None) -> None:
        """Takes in rows in the order of their arrival.

        Args:
            rows: shape (n, F), float64, C order; may be a read-only view; not kept.
            unix_ns: their time.
            chosen: which rows stand for their message, shape (n,), bool; all when left out.

        Cost: 4 ns a value from 256 rows on, 4 us a call at least.
        """
        granule = self._granules.at(unix_ns)
        hashes = np.empty(rows.shape[0], dtype=np.uint64)
        fill_row_hashes(rows, hashes)
        fill_registers(hashes, granule.registers)
        sums = granule.sums
        sums.rows += rows.shape[0]
        if chosen is not None:
            self._pass_over(rows[~chosen], sums)
        start = 0
        while start < rows.shape[0]:
            end = min(start + self._repeats.room, rows.shape[0])
            fill_runs(rows[start:end], self._ranges, self._latest, self._runs, sums.tallies)
            before = self._repeats.repeats
            if self._repeats.take(hashes[start:end]):
                self._add_block(sums)
                self._add(_DUPLICATES, self._repeats.repeats - before, BLOCK_ROWS, sums)
            start = end

    def _pass_over(self, rows: F64, sums: Sums) -> None:
        latest, runs = np.empty(rows.shape[1]), np.empty(rows.shape[1], dtype=np.int64)  # not wanted here
        fill_runs(rows, self._ranges, latest, runs, sums.passed_over)

    def take_messages(self, counts: I64, unix_ns: int) -> None:
        """Takes in what was counted of messages.

        Args:
            counts: of a `ShapeCounter`, which only grow.
            unix_ns: now.
        """
        now = counts[[CHANGED, MESSAGES]]
        changed, messages = (now - self._messages).tolist()
        self._messages = now
        if messages:
            self._add(_SHAPE, changed, messages, self._granules.at(unix_ns).sums)

    def pending(self) -> F64:
        """What came since `take` was called last, for a detector.

        Returns:
            Successes and trials of every rate of `rates`, shape (5 F + 2, 2), float64; both 0 where there is
            no rate or its share is being learnt. A block of rows is one trial, its successes are its share of
            repeated rows; values out of range count in one row of every message.
        """
        delta = (self._totals().trials() - self._taken).astype(np.float64)
        judged = [rate is not None and rate.reference_share is not None for rate in self.rates]
        delta[~np.array(judged, dtype=bool)] = 0.0
        delta[-len(ROW_KINDS) :] /= np.array(ROWS_A_TRIAL)[:, np.newaxis]
        return delta

    def take(self) -> F64:
        """Gives what is pending, and begins anew.

        Returns:
            As `pending`.
        """
        delta = self.pending()
        self._taken = self._totals().trials()
        return delta

    def expire(self, unix_ns: int) -> None:
        """Drops what lies wholly before the horizon.

        Args:
            unix_ns: now.
        """
        self._retire(self._granules.expire(unix_ns))

    def counts(self) -> tuple[QualityCount, ...]:
        """Every rate with its counts in the horizon, features first."""
        window = self._window()
        shown = window.table().tolist()
        window.add(self._past)
        totals = window.table()[:, SUCCESSES].tolist()
        return tuple(
            QualityCount(rate, successes, trials, total)
            for rate, (successes, trials), total in zip(self.rates, shown, totals, strict=True)
            if rate is not None
        )

    def stretches(self) -> list[tuple[int, int, Sums, U8]]:
        """What the window consists of, the oldest first.

        Returns:
            Begin and end of every stretch of time, its sums, and the HyperLogLog registers of its rows; not
            copies.
        """
        return [
            (start, start + self._granules.granule_ns, granule.sums, granule.registers)
            for start, granule in self._granules.items()
        ]

    def distinct_rows(self) -> tuple[float, int]:
        """Different rows in the horizon.

        Returns:
            Their number, estimated with a standard error of 1.6 %; and the number of all rows.
        """
        registers, rows = empty_registers(), 0
        for granule in self._granules.all():
            merge_registers(registers, granule.registers)
            rows += granule.sums.rows
        return distinct_among(registers, rows), rows

    def _window(self) -> Sums:
        total = Sums.empty(len(self._specs))
        for granule in self._granules.all():
            total.add(granule.sums)
        return total

    def _totals(self) -> Sums:
        total = self._window()
        total.add(self._past)
        return total

    def _retire(self, granules: Iterable[_Granule]) -> None:
        for granule in granules:
            self._past.add(granule.sums)

    def _add_block(self, sums: Sums) -> None:
        """A whole block of rows; the first ones of a feature are learnt from, and not judged."""
        width = len(self._specs)
        delta = np.empty((width, 2), dtype=np.int64)
        delta[:, SUCCESSES] = self._can_be_constant & (self._runs >= RUN_ROWS)
        delta[:, TRIALS] = self._can_be_constant
        sums.blocks += delta
        learning = self._can_be_constant & (self._learnt_blocks[:, TRIALS] < LEARN_BLOCKS)
        if learning.any():
            delta[~learning] = 0
            self._learnt_blocks += delta
            self._taken[_CONSTANT * width : (_CONSTANT + 1) * width] += delta
            self._name_rates()

    def _add(self, kind: int, successes: int, trials: int, sums: Sums) -> None:
        """Counts of blocks or messages; the first ones are learnt from, and not judged."""
        sums.others[kind] += successes, trials
        if not self._is_learnt(kind):
            self._learnt[kind] += successes, trials
            self._taken[len(self._of_reference) + kind] += successes, trials
            self._name_rates()

    def _is_learnt(self, kind: int) -> bool:
        return bool(self._learnt[kind, TRIALS] >= LEAST_TRIALS[kind])

    def _name_rates(self) -> None:
        self._rates = all_rates(self._of_reference, *self.learnt)

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
            "pending": (self._totals().trials() - self._taken).astype("<i8").tobytes(),
            "learnt_blocks": self._learnt_blocks.astype("<i8").tobytes(),
            "learnt": self._learnt.astype("<i8").tobytes(),
            "granules": [
                [start, granule.registers.tobytes(), granule.sums.rows]
                + [array.astype("<i8").tobytes() for array in granule.sums.arrays]
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
        self._learnt[:] = np.frombuffer(state["learnt"], dtype="<i8").reshape(-1, 2)
        self._learnt_blocks[:] = np.frombuffer(state["learnt_blocks"], dtype="<i8").reshape(-1, 2)
        self._name_rates()
        for start, registers, rows, *arrays in state["granules"]:
            granule = self._granules.at(start)
            granule.registers[:] = np.frombuffer(registers, dtype=np.uint8)
            sums = granule.sums
            sums.rows = int(rows)
            for array, packed in zip(sums.arrays, arrays, strict=True):
                array[:] = np.frombuffer(packed, dtype="<i8").reshape(array.shape)
        pending = np.frombuffer(state["pending"], dtype="<i8").reshape(self._taken.shape)
        self._taken = self._totals().trials() - pending
