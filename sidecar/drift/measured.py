"""One window of one feature, measured: its sizes, what they are worth, and the shares of odd values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernels import effect, shift
from kernels.binning import I64
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF, TYPE_ERROR
from sidecar.drift.chi_square import chi_square_tail
from sidecar.drift.effects import ChiSquare, Effect
from sidecar.drift.intervals import Share, measure_share
from sidecar.drift.noise import NOISES, Window


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One window's sizes, from which noise, intervals and shares follow (a `sidecar.drift.effects.Basis`).

    Args:
        window: its numbers.
        lanes: the window's lanes, int64.
        reference: the reference's lanes, int64.
    """

    window: Window
    lanes: I64
    reference: I64

    def enough(self, statistic: str) -> bool:
        """Whether the window holds enough values for a statistic.

        Args:
            statistic: its name.

        Returns:
            Whether it means anything.
        """
        rows = (
            self.window.moments[shift.ROWS]
            if statistic in ("mean_shift", "log_sd_ratio")
            else self.window.rows
        )
        known = self.window.reference_rows > 0.0
        return bool(known and rows >= self.window.noise.least_rows(statistic))

    def value(self, statistic: str) -> float | None:
        """A statistic.

        Args:
            statistic: its name.

        Returns:
            The number; None where it does not apply or the window is too small for it.
        """
        if not self._applies(statistic) or not self.enough(statistic):
            return None
        number = _VALUES[statistic](self.window)
        return number if math.isfinite(number) else None

    def details(self) -> Mapping[str, Effect]:
        """Each statistic that applies to the feature, with its noise.

        Returns:
            By name.
        """
        found = {}
        for statistic, explain in NOISES.items():
            if not self._applies(statistic):
                continue
            value = self.value(statistic)
            least = self.window.noise.least_rows(statistic)
            found[statistic] = (
                Effect(least) if value is None else Effect(least, value, *explain(self.window, value))
            )
        return found

    def chi_square(self) -> ChiSquare | None:
        """The test over the coarse bins.

        Returns:
            None with one bin or too few values.
        """
        freedom = int(self.window.sizes[effect.BINS]) - 1 if self.enough("psi") else 0
        if freedom < 1:
            return None
        statistic = float(self.window.sizes[effect.CHI_SQUARE]) / self.window.noise.design_effect
        return ChiSquare(statistic, freedom, chi_square_tail(statistic, freedom))

    def shares(self) -> Mapping[str, Share]:
        """Shares of what is missing, of a wrong type, new or out of range.

        Out of range is what lies beyond the outermost edges of the reference, its 0.1 % and 99.9 % quantiles:
        about 0.2 % of the reference itself does.

        Returns:
            By name; empty without rows.
        """
        lanes, reference = self.lanes, self.reference
        here, there = int(self.window.rows), int(self.window.reference_rows)
        missing, wrong = int(lanes[MISSING]), int(lanes[TYPE_ERROR])
        known_missing, known_wrong = int(reference[MISSING]), int(reference[TYPE_ERROR])
        rows, known_rows = here + missing + wrong, there + known_missing + known_wrong
        last = "out_of_range" if self.window.noise.ordered else "new_category"
        counted = {
            "missing": (missing, rows, known_missing, known_rows),
            "type_error": (wrong, rows, known_wrong, known_rows),
            last: (self._outside(lanes), here, self._outside(reference), there),
        }
        found = {
            name: measure_share(count, trials, (known, of_all), self.window.noise.design_effect)
            for name, (count, trials, known, of_all) in counted.items()
        }
        return {name: share for name, share in found.items() if share is not None}

    def _outside(self, lanes: I64) -> int:
        if not self.window.noise.ordered:
            return int(lanes[FIRST_CELL])
        last = FIRST_CELL + self.window.noise.cells - 1
        ends = int(lanes[FIRST_CELL]) + (int(lanes[last]) if last > FIRST_CELL else 0)
        return ends + int(lanes[POS_INF]) + int(lanes[NEG_INF])

    def _applies(self, statistic: str) -> bool:
        if statistic in ("ks", "mean_shift", "log_sd_ratio"):
            return self.window.noise.ordered
        if statistic == "wasserstein":
            return self.window.spread > 0.0
        if statistic == "l_infinity":
            return not self.window.noise.ordered
        return self.window.noise.bins >= 2 and not (statistic == "cramers_v" and self.window.noise.ordered)


def _mean_shift(window: Window) -> float:
    known = window.noise.moments
    deviation = math.sqrt(known[shift.VARIANCE])
    moved = float(window.moments[shift.MEAN] - known[shift.MEAN])
    return moved / deviation if deviation > 0.0 else math.nan


def _log_sd_ratio(window: Window) -> float:
    now, before = float(window.moments[shift.VARIANCE]), float(window.noise.moments[shift.VARIANCE])
    return 0.5 * math.log(now / before) if now > 0.0 and before > 0.0 else math.nan


_VALUES: dict[str, Callable[[Window], float]] = {
    "psi": lambda window: float(window.sizes[effect.PSI]),
    "js_distance": lambda window: math.sqrt(window.sizes[effect.JS]),
    "hellinger": lambda window: float(window.sizes[effect.HELLINGER]),
    "ks": lambda window: float(window.sizes[effect.KS]),
    "wasserstein": lambda window: float(window.sizes[effect.AREA]) / window.spread,
    "mean_shift": _mean_shift,
    "log_sd_ratio": _log_sd_ratio,
    "l_infinity": lambda window: float(window.sizes[effect.LARGEST]),
    "cramers_v": lambda window: float(window.sizes[effect.CRAMERS_V]),
}
