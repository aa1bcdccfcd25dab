from __future__ import annotations

import numpy as np

from sidecar.monitor.row_stage import RowStage


class TestRowStage:
    def test_gives_what_it_took_in_order(self) -> None:
        stage = RowStage(2)
        stage.add(np.array([[1.0, 2.0]]), [7])
        stage.add(np.array([[3.0, 4.0], [5.0, 6.0]]), [8, 9])
        assert stage.n_cells == 6
        rows, stamps = stage.take()
        assert rows.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
        assert (stamps.tolist(), stamps.dtype) == ([7, 8, 9], np.int64)

    def test_is_empty_behind_it(self) -> None:
        stage = RowStage(1)
        stage.add(np.ones((1, 1)), [7])
        stage.take()
        assert stage.n_cells == 0
        stage.add(np.zeros((1, 1)), [9])
        rows, stamps = stage.take()
        assert (rows.tolist(), stamps.tolist()) == ([[0.0]], [9])

    def test_one_message_is_not_copied(self) -> None:
        stage, matrix = RowStage(1), np.ones((3, 1))
        stage.add(matrix, [7, 7, 7])
        assert stage.take()[0] is matrix
