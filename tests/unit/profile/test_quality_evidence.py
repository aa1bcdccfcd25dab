from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sidecar.profile.quality_evidence import QualityEvidence, later_of
from tests.support.beside import evidence


class TestQualityEvidence:
    def test_is_the_same_from_its_state(self) -> None:
        state = evidence(5, 1.0, -np.inf, width=2, blocks=3).to_state()
        assert QualityEvidence.from_state(state, 2).to_state() == state

    @pytest.mark.parametrize(
        "change",
        [
            {"panes": 0.0},
            {"panes": float("nan")},
            {"log_e": b""},
            {"log_e": np.full(7, 1e9).tobytes()},
            {"learnt": b"\x01\x01"},
            {"learnt_blocks": b""},
        ],
    )
    def test_that_is_damaged_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"reshape|beyond|size"):
            QualityEvidence.from_state({**evidence(5).to_state(), **change}, 1)


class TestLaterOf:
    def test_is_the_one_that_reaches_farther(self) -> None:
        early, late = evidence(5, 9.0), evidence(6, 1.0)
        assert later_of(early, late) is later_of(late, early) is late
        assert later_of(None, early) is later_of(early, None) is early
        assert later_of(None, None) is None

    def test_of_one_time_does_not_depend_on_the_order(self) -> None:
        pair = evidence(5, blocks=1), evidence(5, blocks=2)
        assert later_of(*pair) is later_of(*pair[::-1])
