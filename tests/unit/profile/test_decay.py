from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.decay import DecayedSum
from sidecar.profile.pane import Pane
from sidecar.profile.resting import at_rest

HOUR = 3600


def pane_at(end: int, counts: list[list[int]]) -> Pane:
    made = Pane.empty(end - 60, end, len(counts), len(counts[0]))
    made.counts[:] = counts
    made.rows = int(made.counts[0].sum())
    return made


def test_a_row_counts_half_after_a_half_life_and_a_quarter_after_two() -> None:
    decayed = DecayedSum(HOUR, 1, 3)
    decayed.push(pane_at(1000, [[8, 0, 0]]))
    decayed.push(pane_at(1000 + HOUR, [[0, 8, 0]]))
    decayed.push(pane_at(1000 + 2 * HOUR, [[0, 0, 8]]))
    assert decayed.counts.tolist() == [[2.0, 4.0, 8.0]]
    assert decayed.squares.tolist() == [0.5 + 2.0 + 8.0]


def test_effective_size_is_kishs() -> None:
    decayed = DecayedSum(HOUR, 1, 3)
    decayed.push(pane_at(1000, [[8, 0, 0]]))
    decayed.push(pane_at(1000 + HOUR, [[0, 8, 0]]))
    weights = np.array([0.5] * 8 + [1.0] * 8)
    assert decayed.effective_rows()[0] == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-15)


def test_effective_size_of_one_pane_is_its_rows_however_old() -> None:
    decayed = DecayedSum(HOUR, 1, 3)
    decayed.push(pane_at(1000, [[5, 6, 7]]))
    decayed.push(pane_at(1000 + 9 * HOUR, [[0, 0, 0]]))
    assert decayed.effective_rows()[0] == pytest.approx(18.0, rel=1e-12)
    assert decayed.effective_counts().tolist() == [[5, 6, 7]]


def test_at_a_steady_rate_effective_size_tends_to_two_over_ln_2_half_lives_of_rows() -> None:
    decayed = DecayedSum(100 * 60, 1, 1)
    for minute in range(1, 3000):
        decayed.push(pane_at(60 * minute, [[10]]))
    assert decayed.effective_rows()[0] == pytest.approx(2 * 10 * 100 / np.log(2.0), rel=1e-3)


def test_effective_counts_keep_the_shares_of_the_weights() -> None:
    decayed = DecayedSum(HOUR, 2, 2)
    decayed.push(pane_at(1000, [[4000, 0], [0, 0]]))
    decayed.push(pane_at(1000 + HOUR, [[0, 4000], [0, 0]]))
    counts = decayed.effective_counts()
    assert counts[0].tolist() == [2400, 4800]  # n_eff 7200, shares 1/3 and 2/3
    assert counts[1].tolist() == [0, 0]
    assert decayed.effective_rows()[1] == 0.0


def test_the_effective_size_is_that_of_a_sample_whose_mean_varies_as_much() -> None:
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(2000):
        decayed = DecayedSum(5, 1, 2)
        for pane in range(1, 40):
            hits = int(rng.binomial(20, 0.3))
            decayed.push(pane_at(pane, [[hits, 20 - hits]]))
        shares.append(decayed.counts[0, 0] / decayed.counts[0].sum())
    expected = 0.3 * 0.7 / decayed.effective_rows()[0]
    assert np.var(shares) == pytest.approx(expected, rel=0.1)  # 2,000 draws: 3 standard errors


def test_a_pane_at_rest_counts_as_one_awake() -> None:
    one, two = DecayedSum(HOUR, 1, 3), DecayedSum(HOUR, 1, 3)
    for end in (1000, 1777, 1777, 9999):
        pane = pane_at(end, [[3, 1, 4]])
        one.push(pane)
        two.push(at_rest(pane, 1, 1, 0))
    assert one.to_state() == two.to_state()


def test_a_copy_goes_its_own_way() -> None:
    decayed = DecayedSum(HOUR, 1, 3)
    decayed.push(pane_at(1000, [[3, 1, 4]]))
    before = decayed.to_state()
    decayed.copy().push(pane_at(2000, [[3, 1, 4]]))
    assert decayed.to_state() == before


def test_restored_sum_goes_on_bit_by_bit() -> None:
    one, two = DecayedSum(HOUR, 1, 3), DecayedSum(HOUR, 1, 3)
    for end in range(100, 5000, 77):
        one.push(pane_at(end, [[3, 1, 4]]))
        two.restore(one.to_state())
        assert two.to_state() == one.to_state()
