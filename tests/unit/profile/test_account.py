from __future__ import annotations

import random
from itertools import permutations

import numpy as np
import pytest

from sidecar.errors import BadSnapshot
from sidecar.profile.account import (
    AlarmPane,
    Standing,
    Terms,
    account_of,
    kept_accounts,
    merge_accounts,
)
from sidecar.profile.seasons import SeasonTally, pack
from tests.support.accounts import FEATURES, TABLE, numbers, pane, standing, terms_of

TERMS = terms_of()


def told(before, *closed, terms=TERMS, epoch=1):
    """An account of panes behind a standing."""
    return {terms.id: account_of(terms, [standing(before, epoch)], [pane(n, epoch) for n in closed])}


class TestTerms:
    def test_say_again_what_they_were_made_of(self):
        tally = SeasonTally({feature.spec.name: feature.counts.size for feature in FEATURES})
        tally.add(0.0, [feature.counts for feature in FEATURES])
        effects = np.array([[1.5, 2.0], [1.0, 3.0]])
        weighing = terms_of(effects, pack(tally.seasons())).open()
        assert (weighing.panes, weighing.tolerance) == (1000.0, 0.01)
        assert weighing.effects.tolist() == effects.tolist()
        assert weighing.seasons == tally.seasons()
        assert TERMS.open().seasons is None

    def test_are_known_by_their_content(self):
        assert terms_of().id == TERMS.id
        assert terms_of(np.full((2, 2), 2.0)).id != TERMS.id

    @pytest.mark.parametrize(
        "encoded",
        [
            b"x",
            Terms.of(0.0, 0.01, np.ones((2, 2)), None).encoded,
            Terms.of(float("nan"), 0.01, np.ones((2, 2)), None).encoded,
            Terms.of(100.0, 0.9, np.ones((2, 2)), None).encoded,
            Terms.of(100.0, 0.01, np.full((2, 2), 0.5), None).encoded,
            Terms.of(100.0, 0.01, np.full((2, 2), np.inf), None).encoded,
            Terms.of(100.0, 0.01, np.ones((2, 2)), b"x").encoded,
        ],
    )
    def test_that_are_damaged_are_refused(self, encoded):
        with pytest.raises(BadSnapshot):
            Terms.sealed(encoded).open()


class TestAlarmPane:
    def test_is_the_same_from_its_state(self):
        again = AlarmPane.from_state(pane(3, value=300).to_state(), 2, TABLE.lanes)
        assert again.to_state() == pane(3, value=300).to_state()
        assert again.counts.dtype == np.dtype("<u2")

    @pytest.mark.parametrize("change", [{"number": 0}, {"counts": b"\x01\x01"}, {"epoch": None}])
    def test_that_is_damaged_is_refused(self, change):
        with pytest.raises((TypeError, ValueError)):
            AlarmPane.from_state({**pane(3).to_state(), **change}, 2, TABLE.lanes)


class TestStanding:
    def test_is_the_same_from_its_state(self):
        assert Standing.from_state(standing(3).to_state()).to_state() == standing(3).to_state()

    @pytest.mark.parametrize("change", [{"number": -1}, {"values": 3}, {"start_unix_ns": "x"}])
    def test_that_is_damaged_is_refused(self, change):
        with pytest.raises((TypeError, ValueError)):
            Standing.from_state({**standing(3).to_state(), **change})


class TestMergeAccounts:
    def test_panes_that_follow_need_one_standing(self):
        for order in permutations([told(0, 1, 2, 3), told(2, 3, 4, 5), told(5, 6, 7)]):
            merged = merge_accounts("a", merge_accounts("a", order[0], order[1]), order[2])
            assert numbers(merged[TERMS.id]) == ([0], [1, 2, 3, 4, 5, 6, 7])

    def test_a_gap_has_a_standing_behind_it_until_it_is_filled(self):
        gap = merge_accounts("a", told(0, 1, 2), told(5, 6))
        assert numbers(gap[TERMS.id]) == ([0, 5], [1, 2, 6])
        assert numbers(merge_accounts("a", gap, told(2, 3, 4, 5))[TERMS.id]) == ([0], [1, 2, 3, 4, 5, 6])

    def test_in_any_order_and_grouping_and_told_again_it_is_the_same(self):
        rng = random.Random(1)
        parts = [told(begin, *range(begin + 1, begin + 4)) for begin in (0, 2, 7, 8, 15, 16, 30)]
        expected = None
        for _ in range(50):
            heap = [*parts, rng.choice(parts)]
            while len(heap) > 1:
                pair = [heap.pop(rng.randrange(len(heap))) for _ in range(2)]
                heap.append(merge_accounts("a", *pair))
            found = numbers(heap[0][TERMS.id])
            assert expected in (None, found)
            expected = found
        assert expected == ([0, 7, 15, 30], [1, 2, 3, 4, 5, 8, 9, 10, 11, 16, 17, 18, 19, 31, 32, 33])

    def test_other_terms_are_kept_beside(self):
        other = terms_of(np.full((2, 2), 2.0))
        merged = merge_accounts("a", told(0, 1), told(1, 2, terms=other))
        assert {name: numbers(account) for name, account in merged.items()} == {
            TERMS.id: ([0], [1]),
            other.id: ([1], [2]),
        }

    def test_two_panes_of_one_number_are_refused(self):
        other = {TERMS.id: account_of(TERMS, [standing(0)], [pane(1, value=2)])}
        with pytest.raises(BadSnapshot, match=r"^a: expected one alarm's pane 1, got two$"):
            merge_accounts("a", told(0, 1), other)


class TestKeptAccounts:
    def test_what_a_later_monitor_start_takes_back_is_left_out(self):
        assert numbers(kept_accounts(told(0, 1, 2, 3, 4), {1: 2, 2: 9})[TERMS.id]) == ([0], [1, 2])
        assert numbers(kept_accounts(told(5, 6), {1: 5})[TERMS.id]) == ([5], [])
        assert kept_accounts(told(5, 6), {1: 4}) == {}

    def test_a_monitor_start_that_is_not_known_is_believed(self):
        assert numbers(kept_accounts(told(0, 1), {7: 0})[TERMS.id]) == ([0], [1])
