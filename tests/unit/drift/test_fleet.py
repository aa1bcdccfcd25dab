from __future__ import annotations

import numpy as np
import pytest

from sidecar.drift.fleet import fleet_effects
from sidecar.errors import BadReference
from sidecar.profile.fourier import FourierSums
from sidecar.profile.joint import JointFill, JointSums
from sidecar.profile.joint_window import JointPane
from sidecar.profile.space import Space
from tests.support.beside import space_of

NAMES = ("c", "a", "b")


def pane_of(rows: int, space: Space, *, moved: bool = False) -> JointPane:
    matrix = np.random.default_rng(rows).normal(size=(rows, 3))
    if moved:
        matrix[:, 2] = matrix[:, 1]
    reference, _ = space.open()
    assert reference is not None
    joint_space = reference.among(NAMES)[1]
    sums, fill = JointSums.empty(joint_space.width), JointFill(joint_space)
    fill.add(matrix, sums)
    fill.flush(sums)
    return JointPane(0, 10, sums, ())


class TestFleetEffects:
    def test_judge_the_features_that_the_space_joins(self) -> None:
        space = space_of("ab")
        calm = fleet_effects(space, NAMES, pane_of(500, space), 200)
        moved = fleet_effects(space, NAMES, pane_of(500, space, moved=True), 200)
        assert (calm.features, calm.rows, calm.reference_rows) == (2, 500, 400)
        assert calm.correlation is not None
        assert moved.correlation is not None
        assert abs(calm.correlation.z) < calm.correlation.limit
        assert abs(moved.correlation.z) > moved.correlation.limit
        assert moved.correlation.pair == ("a", "b")

    def test_say_nothing_with_too_few_rows(self) -> None:
        space = space_of("ab")
        found = fleet_effects(space, NAMES, pane_of(50, space), 200)
        assert (found.rows, found.correlation, found.reconstruction) == (50, None, None)

    def test_say_nothing_of_what_is_not_known(self) -> None:
        space = Space.of(b"", [b""])
        empty = JointPane(0, 10, JointSums.empty(0), (FourierSums.empty(),))
        found = fleet_effects(space, NAMES, empty, 200)
        assert (found.features, found.correlation, found.embeddings) == (0, None, ())

    def test_of_a_damaged_space_are_refused(self) -> None:
        with pytest.raises(BadReference):
            fleet_effects(Space.sealed(b"x"), NAMES, JointPane(0, 10, JointSums.empty(0), ()), 200)
