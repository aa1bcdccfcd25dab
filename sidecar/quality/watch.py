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
from kernels.runs import ABOVE, BELOW, PRESENT, TALLIES, TYPE_ERRORS, fill_runs
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.granules import Granules
from sidecar.profile.reference import FeatureReference
from sidecar.profile.repeats import BLOCK_ROWS, RepeatCounter
from sidecar.profile.units import Chosen
from sidecar.quality.rates import FEATURE_KINDS, ROW_KINDS, RUN_ROWS, QualityRate, feature_rates, ranges
from sidecar.quality.shape import CHANGED, MESSAGES

SUCCESSES = 0
TRIALS = 1
LEARN_BLOCKS = 64
LEARN_MESSAGES = 1000
_LEAST_TRIALS = (LEARN_BLOCKS * BLOCK_ROWS, LEARN_MESSAGES)  # in the order of ROW_KINDS
_ROWS_A_TRIAL = (BLOCK_ROWS, 1)
_DUPLICATES, _SHAPE = range(len(ROW_KINDS))
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


@dataclass(slots=True, eq=False)
class _Sums:
    """What is counted of one stretch of time: rows, tallies of their values, and blocks and messages.

    `chosen` are tallies of the rows that stand for their message. `blocks` has for every feature how many
    blocks it was constant in, and in how many it could have been; `others` successes and trials of the rates
    of `ROW_KINDS`.
    """

    rows: int
    tallies: I64
    chosen: I64
    blocks: I64
    others: I64

    @classmethod
    def empty(cls, width: int) -> _Sums:
        shapes = ((width, TALLIES), (width, TALLIES), (width, 2), (len(ROW_KINDS), 2))
        return cls(0, *(np.zeros(shape, dtype=np.int64) for shape in shapes))

    @property
    def arrays(self) -> tuple[I64, ...]:
        return self.tallies, self.chosen, self.blocks, self.others

    def add(self, other: _Sums) -> None:
        self.rows += other.rows
        self.tallies += other.tallies
        self.chosen += other.chosen
        self.blocks += other.blocks
        self.others += other.others

    def table(self) -> I64:
        """Successes and trials of every rate, shape (5 F + 2, 2)."""
        width = self.tallies.shape[0]
        present, strange = self.tallies[:, PRESENT], self.tallies[:, TYPE_ERRORS]
        outside = self.tallies[:, BELOW] + self.tallies[:, ABOVE]
        found = np.empty((len(FEATURE_KINDS), width, 2), dtype=np.int64)
        found[: _TYPE_ERROR + 1, :, TRIALS] = self.rows
        found[_MISSING, :, SUCCESSES] = self.rows - present - strange
        found[_TYPE_ERROR, :, SUCCESSES] = strange
        found[_UNSEEN : _OUT_OF_RANGE + 1, :, SUCCESSES] = outside
        found[_UNSEEN : _OUT_OF_RANGE + 1, :, TRIALS] = present
        found[_CONSTANT] = self.blocks
        return np.concatenate([found.reshape(-1, 2), self.others])

    def trials(self) -> I64:
        """The same, with values out of range counted once a message."""
        found = self.table()
        width = self.tallies.shape[0]
        concerned = slice(_OUT_OF_RANGE * width, (_OUT_OF_RANGE + 1) * width)
        found[concerned, SUCCESSES] = self.chosen[:, BELOW] + self.chosen[:, ABOVE]
        found[concerned, TRIALS] = self.chosen[:, PRESENT]
        return found


@dataclass(slots=True, eq=False)
class _Granule:
    sums: _Sums
    registers: U8


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
        self._latest = np.full(width, np.nan)
        self._runs = np.zeros(width, dtype=np.int64)
        self._repeats = RepeatCounter()
        self._messages = np.zeros(2, dtype=np.int64)  # as last told by `take_messages`
        self._learnt = np.zeros((len(ROW_KINDS), 2), dtype=np.int64)
        self._past = _Sums.empty(width)  # what has left the horizon
        self._granules: Granules[_Granule] = Granules(
            horizon_ns, lambda: _Granule(_Sums.empty(width), empty_registers())
        )
        self._taken = self._past.trials()
        self.use(features)

    def use(self, features: Sequence[FeatureReference | None]) -> None:
        """Judges by these references from now on; what was counted before is in the totals alone.

        Args:
            features: F references; None while one is being learnt.
        """
        self._rates = feature_rates(self._specs, features)
        self._ranges = ranges(features)
        watched = [rate is not None for rate in self._rates]
        self._can_be_constant = np.array(watched, dtype=bool).reshape(len(FEATURE_KINDS), -1)[_CONSTANT]
        self._retire(self._granules.drop_before(None))
        self._taken = self._totals().trials()

    @property
    def rates(self) -> tuple[QualityRate | None, ...]:
        """Every rate of the table, None where there is none: 5 F of features, then those of `ROW_KINDS`."""
        return (*self._rates, *(self._row_rate(kind) for kind in range(len(ROW_KINDS))))

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
        self._fill_chosen(rows if chosen is None else rows[chosen], sums)
        start = 0
        while start < rows.shape[0]:
            end = min(start + self._repeats.room, rows.shape[0])
            fill_runs(rows[start:end], self._ranges, self._latest, self._runs, sums.tallies)
            before = self._repeats.repeats
            if self._repeats.take(hashes[start:end]):
                sums.blocks[:, SUCCESSES] += self._can_be_constant & (self._runs >= RUN_ROWS)
                sums.blocks[:, TRIALS] += self._can_be_constant
                self._add(_DUPLICATES, self._repeats.repeats - before, BLOCK_ROWS, sums)
            start = end

    def _fill_chosen(self, rows: F64, sums: _Sums) -> None:
        latest, runs = np.empty(rows.shape[1]), np.empty(rows.shape[1], dtype=np.int64)  # not wanted here
        fill_runs(rows, self._ranges, latest, runs, sums.chosen)

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
        delta[-len(ROW_KINDS) :] /= np.array(_ROWS_A_TRIAL)[:, np.newaxis]
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

    def distinct_rows(self) -> tuple[float, int]:
        """Different rows in the horizon.

        Returns:
            Their number, estimated with a standard error of 1.6 %; and the number of all rows.
        """
        registers, rows = empty_registers(), 0
        for granule in self._granules.all():
            merge_registers(registers, granule.registers)
            rows += granule.sums.rows
        return min(float(estimate(registers)), float(rows)), rows

    def _window(self) -> _Sums:
        total = _Sums.empty(len(self._specs))
        for granule in self._granules.all():
            total.add(granule.sums)
        return total

    def _totals(self) -> _Sums:
        total = self._window()
        total.add(self._past)
        return total

    def _retire(self, granules: Iterable[_Granule]) -> None:
        for granule in granules:
            self._past.add(granule.sums)

    def _add(self, kind: int, successes: int, trials: int, sums: _Sums) -> None:
        """Counts of blocks or messages; the first ones are learnt from, and not judged."""
        sums.others[kind] += successes, trials
        if not self._is_learnt(kind):
            self._learnt[kind] += successes, trials
            self._taken[len(self._rates) + kind] += successes, trials

    def _is_learnt(self, kind: int) -> bool:
        return bool(self._learnt[kind, TRIALS] >= _LEAST_TRIALS[kind])

    def _row_rate(self, kind: int) -> QualityRate:
        successes, trials = self._learnt[kind].tolist()
        share = successes / trials if self._is_learnt(kind) else None
        return QualityRate(ROW_KINDS[kind], None, share, trials // _ROWS_A_TRIAL[kind])

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
        for start, registers, rows, *arrays in state["granules"]:
            granule = self._granules.at(start)
            granule.registers[:] = np.frombuffer(registers, dtype=np.uint8)
            sums = granule.sums
            sums.rows = int(rows)
            for array, packed in zip(sums.arrays, arrays, strict=True):
                array[:] = np.frombuffer(packed, dtype="<i8").reshape(array.shape)
        pending = np.frombuffer(state["pending"], dtype="<i8").reshape(self._taken.shape)
        self._taken = self._totals().trials() - pending
