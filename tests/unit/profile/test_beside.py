from __future__ import annotations

from itertools import permutations

import pytest

from sidecar.errors import BadSnapshot
from sidecar.profile.beside import NOTHING_BESIDE, Beside, merge_beside
from sidecar.profile.joint_window import ClosedJoint
from tests.support.beside import beside_of, evidence, joint, quality, space_of


def merged(*parts: Beside) -> Beside:
    total = parts[0]
    for part in parts[1:]:
        total = merge_beside("a", total, part)
    return total


def held(part: Beside) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    granules = sorted((pane.first, pane.last) for pane in part.joint.values())
    return granules, sorted((start, pane.rows) for start, pane in part.quality.items())


class TestMergeBeside:
    def test_keeps_the_later_state_of_everything_in_any_order(self) -> None:
        parts = [
            beside_of(joint(1, 1), quality(0, 3)),
            beside_of(joint(1, 2), quality(0, 5), quality(10, 1)),
            beside_of(joint(3, 3), quality(10, 4)),
        ]
        for order in permutations(parts):
            assert held(merged(*order)) == ([(1, 2), (3, 3)], [(0, 5), (10, 4)])

    def test_told_again_changes_nothing(self) -> None:
        part = beside_of(joint(1, 1), quality(0, 3))
        assert held(merged(part, part, NOTHING_BESIDE)) == held(part)

    def test_messages_alone_are_a_later_state_too(self) -> None:
        for order in permutations([quality(0, 3), quality(0, 3, messages=2)]):
            (pane,) = merged(*(beside_of(pane) for pane in order)).quality.values()
            assert pane.others[1].tolist() == [0, 2]

    def test_texts_of_one_state_that_were_known_at_one_time_only_do_not_depend_on_the_order(self) -> None:
        parts = [beside_of(quality(0, 3, texts=texts)) for texts in ({}, {77: "new"})]
        found = [merged(*order).quality[0].to_state() for order in permutations(parts)]
        assert found[0] == found[1]
        assert found[0]["unseen"][0]["texts"] == [[77, "new"]]

    def test_joint_sums_of_the_greater_space_are_kept_and_quality_of_both(self) -> None:
        spaces = sorted([space_of(seed=1), space_of(seed=2)], key=lambda space: space.id)
        parts = [
            beside_of(joint(4, 4), quality(0, 1), space=spaces[0]),
            beside_of(joint(5, 5), quality(10, 1), space=spaces[1]),
            Beside.of(ClosedJoint(None, ()), [quality(20, 1)]),
        ]
        for order in permutations(parts):
            total = merged(*order)
            assert total.space == spaces[1]
            assert held(total) == ([(5, 5)], [(0, 1), (10, 1), (20, 1)])

    def test_of_evidence_the_later_is_kept_whatever_the_space(self) -> None:
        parts = [
            beside_of(evidence=evidence(5, 1.0)),
            beside_of(evidence=evidence(7, 2.0), space=space_of(seed=2)),
            beside_of(),
        ]
        for order in permutations(parts):
            told = merged(*order).evidence
            assert told is not None
            assert told.until_unix_ns == 7

    def test_two_joint_sums_of_one_number_are_refused(self) -> None:
        with pytest.raises(BadSnapshot) as caught:
            merged(beside_of(joint(1, 3)), beside_of(joint(1, 3, rows=9)))
        assert str(caught.value) == "a: expected one joint pane 1 to 3, got two"
