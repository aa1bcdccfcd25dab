from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from kernels.hyperloglog import empty_registers, fill_registers
from kernels.space_saving import KEYS, empty_table, fill_table
from sidecar.profile.unseen import SHIFT, key_of
from sidecar.profile.unseen_pane import Unseen, UnseenPane, rank_unseen, unseen_of


def pane_of(*texts: str, known: bool = True) -> UnseenPane:
    keys = np.array([key_of(text) for text in texts], dtype=np.int64)
    table, registers = empty_table(), empty_registers()
    fill_table(keys, table)
    fill_registers(keys.view(np.uint64) << np.uint64(SHIFT), registers)
    return UnseenPane(table, registers, {key_of(text): text for text in texts} if known else {})


class TestUnseenPane:
    @pytest.mark.parametrize("n", [0, 1, 64, 300])
    def test_survives_its_bytes(self, n: int) -> None:
        state = pane_of(*(f"text{number % 90}" for number in range(n))).to_state()
        again = UnseenPane.from_state(state)
        assert again.to_state() == state
        assert again.table.shape == (3, 64)

    def test_takes_room_for_what_it_holds(self) -> None:
        state = pane_of("a", "b", "a").to_state()
        assert (len(state["table"]), len(state["registers"])) == (3 * 2 * 8, 2 * 3)

    @pytest.mark.parametrize(
        "table",
        [
            np.zeros((3, 65), dtype="<i8"),
            np.array([[5], [1], [2]], dtype="<i8"),  # the error beyond the count
            np.array([[-1], [1], [0]], dtype="<i8"),
        ],
    )
    def test_with_a_table_that_is_none_is_refused(self, table: np.ndarray) -> None:
        state = {**pane_of("a").to_state(), "table": table.tobytes()}
        with pytest.raises(ValueError, match=r"^a table of unseen categories whose numbers contradict"):
            UnseenPane.from_state(state)


class TestUnseenOf:
    def test_adds_what_several_have_counted_in_any_order(self) -> None:
        panes = [pane_of("a", "b", "a"), pane_of("c"), pane_of("b", "a", known=False)]
        for order in permutations(panes):
            found, distinct = unseen_of(order)
            assert found == (Unseen("a", 3, 0), Unseen("b", 2, 0), Unseen("c", 1, 0))
            assert distinct == pytest.approx(3.0, abs=0.01)

    def test_keeps_its_bounds_where_there_are_more_than_tables_hold(self) -> None:
        words = [f"w{number}" for number in np.random.default_rng(5).zipf(1.3, size=3000)]
        panes = [pane_of(*words[start::3]) for start in range(3)]
        found, distinct = unseen_of(panes)
        true = Counter(words)
        assert len(found) == 64
        assert all(each.count - each.error <= true[each.category] <= each.count for each in found)
        assert any(each.error for each in found)
        assert distinct == pytest.approx(len(true), rel=0.05)
        assert all(unseen_of(order) == (found, distinct) for order in permutations(panes))

    def test_names_a_category_whose_text_nobody_knows_by_its_key(self) -> None:
        found, _ = unseen_of([pane_of("a", known=False)])
        assert found == (Unseen(f"#{key_of('a'):014x}", 1, 0),)

    def test_of_nothing_is_nothing(self) -> None:
        assert unseen_of([]) == ((), 0.0)


def test_a_key_is_asked_for_its_text_once_and_only_if_it_is_among_the_most_frequent() -> None:
    asked: list[int] = []
    tables = [pane_of(*(f"{number}" for number in range(start, start + 50))).table for start in (0, 40)]

    def text_of(key: int) -> str:
        asked.append(key)
        return "t"

    assert len(rank_unseen(tables, text_of)) == 64
    assert len(set(asked)) == len(asked) == 64
    assert set(asked) <= {int(key) for table in tables for key in table[KEYS]}
