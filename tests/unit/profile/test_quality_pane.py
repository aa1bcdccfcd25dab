from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sidecar.profile.quality_pane import QualityPane, version_of
from tests.support.beside import quality


def through(state: dict[str, Any], width: int = 2) -> QualityPane:
    return QualityPane.from_state(msgspec.msgpack.decode(msgspec.msgpack.encode(state)), width)


class TestQualityPane:
    def test_survives_its_bytes(self) -> None:
        state = quality(50, 7, width=2, messages=3).to_state()
        assert through(state).to_state() == state

    def test_is_later_with_more_rows_and_then_with_more_messages(self) -> None:
        panes = [quality(0, 1, messages=9), quality(0, 2), quality(0, 2, messages=1)]
        assert [pane.version for pane in panes] == [(1, 9), (2, 0), (2, 1)]
        assert panes[2].version == version_of(panes[2].rows, panes[2].others)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"rows": -1}, "data quality whose numbers contradict each other"),
            ({"end_unix_ns": 0}, "data quality whose numbers contradict each other"),
            (
                {"unseen": [{**quality(0, 1).to_state()["unseen"][0], "feature": 2}]},
                "unseen categories of no feature, or of one twice",
            ),
            (
                {"unseen": quality(0, 1).to_state()["unseen"] * 2},
                "unseen categories of no feature, or of one twice",
            ),
        ],
    )
    def test_that_contradicts_itself_is_refused(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=f"^{message}$"):
            through({**quality(50, 7, width=2).to_state(), **changes})

    def test_of_another_width_is_refused(self) -> None:
        with pytest.raises(ValueError, match="cannot reshape"):
            through(quality(0, 1, width=2).to_state(), width=3)
