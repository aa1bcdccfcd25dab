"""What the simulations are made of: references and traffic, changes, and the rules that others alarm by.

A world has a reference of m rows of 20 features and gives pane after pane of the same distribution, changed
or not. The rivals look at the same panes: deciles of the same reference, the rule applied to every feature in
every pane, nothing carried over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.stats import chi2

from benchmarks.simulation_tables import RIVALS
from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

WIDTH = 20
MOVED = 3  # the feature that changes
REFERENCE_ROWS = 10_000
# Edges lie at 0.001, 0.01, 0.05, 0.1, 0.15 ...: every second one from the fourth on is a decile.
DECILE_CELLS = np.array([0, *(FIRST_CELL + 4 + 2 * k for k in range(9))])
FLOOR = 1e-4  # what others put in the place of an empty bin's share

Draw = Callable[[np.random.Generator, int], F64]
Change = Callable[[np.random.Generator, F64], None]


def normal(rng: np.random.Generator, n: int) -> F64:
    """Independent standard normal features, shape (n, 20)."""
    return rng.normal(size=(n, WIDTH))


class World:
    """A reference and the traffic of a model.

    Args:
        seed: of everything.
        draw: rows.
        m: rows of the reference.

    Attributes:
        last_rows: those of the last pane.
    """

    last_rows: F64

    def __init__(self, seed: int, draw: Draw = normal, m: int = REFERENCE_ROWS) -> None:
        self.rng = np.random.default_rng(seed)
        self.draw = draw
        specs = [FeatureSpec(f"f{k}", "input", "numeric") for k in range(WIDTH)]
        self.features = learn_reference(specs, draw(self.rng, m), [()] * WIDTH)
        self.table = lane_table(specs, self.features)
        self.rivals = Rivals(np.array([deciles(feature.counts) for feature in self.features]))

    def pane(self, n: int, change: Change | None = None) -> Pane:
        """The next pane of n rows."""
        rows = self.draw(self.rng, n)
        if change is not None:
            change(self.rng, rows)
        self.last_rows = rows
        return self.count(rows)

    def count(self, rows: F64) -> Pane:
        """A pane of these rows."""
        pane = Pane.empty(0, 0, WIDTH, self.table.lanes)
        pane.fill(self.table, np.ascontiguousarray(rows))
        return pane


def deciles(lanes: I64) -> I64:
    """Counts in the reference's deciles, from the lanes of one feature or of all."""
    used = lanes.copy()
    used[..., :FIRST_CELL] = 0
    return np.add.reduceat(used, DECILE_CELLS, axis=-1)


# --- changes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Named:
    """A change with its words."""

    name: str
    title: str
    change: Change


def shifted(by: float) -> Named:
    """The mean moves by so many deviations."""

    def change(_rng: np.random.Generator, rows: F64) -> None:
        rows[:, MOVED] += by

    return Named(f"mean+{by:g}", f"mean + {by:g} sd", change)


def wider(factor: float) -> Named:
    """The deviation grows by a factor."""

    def change(_rng: np.random.Generator, rows: F64) -> None:
        rows[:, MOVED] *= factor

    return Named(f"sd*{factor:g}", f"sd x {factor:g}", change)


def replaced(share: float, value: float, title: str) -> Named:
    """A share of the rows becomes one value."""

    def change(rng: np.random.Generator, rows: F64) -> None:
        rows[rng.random(len(rows)) < share, MOVED] = value

    return Named(f"{title}*{share:g}", f"{100 * share:g} % of rows become {title}", change)


CHANGES: tuple[Named, ...] = (
    shifted(0.1),
    shifted(0.25),
    shifted(0.5),
    shifted(1.0),
    wider(1.3),
    replaced(0.02, -999.0, "a sentinel (-999)"),
    replaced(0.005, -999.0, "a sentinel (-999)"),
    replaced(0.02, np.nan, "missing"),
)


# --- what others alarm by ---------------------------------------------------------------------------


class Rivals:
    """Rules over the deciles of each feature, pane by pane.

    Args:
        reference: counts, shape (F, 10), int64.
    """

    names = tuple(name for name, _title in RIVALS)

    def __init__(self, reference: I64) -> None:
        self.reference = reference.astype(np.float64)

    def judge(self, pane: Pane) -> dict[str, np.ndarray]:
        """For each rule the features that it calls drifted, shape (F,), bool."""
        current = deciles(pane.counts).astype(np.float64)
        index = classic_psi(self.reference, current)
        p = chi_square_p(self.reference, current)
        ranked = np.sort(p)
        passed = np.flatnonzero(ranked <= 0.05 * np.arange(1, p.size + 1) / p.size)
        cut = ranked[passed[-1]] if passed.size else -1.0
        return {
            "psi>0.1": index > 0.1,
            "psi>0.2": index > 0.2,
            "chi2": p < 0.05,
            "chi2 bonferroni": p < 0.05 / p.size,
            "chi2 bh": p <= cut,
        }


def classic_psi(reference: F64, current: F64) -> F64:
    """PSI as it is usually computed: shares, empty ones lifted to a floor; along the last axis."""
    q = np.maximum(reference / reference.sum(axis=-1, keepdims=True), FLOOR)
    p = np.maximum(current / np.maximum(current.sum(axis=-1, keepdims=True), 1.0), FLOOR)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def chi_square_p(reference: F64, current: F64) -> F64:
    """p of the two-sample chi-square test along the last axis."""
    m, n = reference.sum(axis=-1, keepdims=True), np.maximum(current.sum(axis=-1, keepdims=True), 1.0)
    both = np.maximum(reference + current, 1e-300)
    squares = (np.sqrt(m / n) * current - np.sqrt(n / m) * reference) ** 2 / both
    return np.asarray(chi2.sf(squares.sum(axis=-1), reference.shape[-1] - 1))


# --- dependent rows ---------------------------------------------------------------------------------


def autoregressive(rho: float) -> Draw:
    """Rows each of which remembers the one before: corr(x_t, x_{t-1}) = rho, standard normal margins.

    Every draw goes on where the last one ended.

    Args:
        rho: 0 to 1, 1 excluded.
    """
    last: list[F64] = []

    def draw(rng: np.random.Generator, n: int) -> F64:
        noise = rng.normal(size=(n, WIDTH)) * np.sqrt(1.0 - rho * rho)
        before = last[0] if last else rho * rng.normal(size=(1, WIDTH))
        rows, after = lfilter([1.0], [1.0, -rho], noise, axis=0, zi=before)
        last[:] = [after]
        return np.asarray(rows)

    return draw


def clumped(size: int) -> Draw:
    """Requests of `size` identical rows."""

    def draw(rng: np.random.Generator, n: int) -> F64:
        return np.repeat(rng.normal(size=(-(-n // size), WIDTH)), size, axis=0)[:n]

    return draw
