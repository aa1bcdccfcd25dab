from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from sidecar.monitor.joint import JointAnalysis, JointSettings
from sidecar.profile import fourier, joint_reference
from sidecar.profile.codec import seal
from sidecar.profile.embedding import lay_out
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference

PANE = 10
SETTINGS = JointSettings(max_features=128, auto_rows=500, min_rows=200, horizon_ns=50, pane_ns=PANE)
WIDTH = 4
DIMENSION = 64
PLAIN = lay_out(WIDTH, [])
MIXED = lay_out(WIDTH + DIMENSION, [("e", WIDTH, DIMENSION)])


def specs_of(layout):
    names = [f"f{k}" for k in range(WIDTH)] + [name for group in layout.groups for name in group.features]
    return [FeatureSpec(name, "input", "numeric") for name in names]


class Traffic:
    """Rows through a layout into an analysis that is told what would be known of the features."""

    def __init__(self, layout=PLAIN, reference=None, settings=SETTINGS, seed=1):
        self.layout = layout
        self.rng = np.random.default_rng(seed)
        self.specs = specs_of(layout)
        self.joint = JointAnalysis(self.specs, layout.groups, "input", settings, reference)
        self.known = learn_reference(self.specs, self.features(800)[0], [()] * len(self.specs))
        self.joint.use(self.known)

    def rows(self, n, flip=False, shift=0.0):
        common = self.rng.normal(size=(n, 1)) @ np.array([[1.0, 1.0, 0.0, 0.0]])
        rows = self.rng.normal(size=(n, self.layout.columns))
        rows[:, :WIDTH] += common
        if flip:
            rows[:, 1] *= -1.0
        rows[:, WIDTH:] += shift
        return rows

    def features(self, n, **change):
        return self.layout.reduce(self.rows(n, **change))

    def send(self, n, start=0, **change):
        features, vectors = self.features(n, **change)
        self.joint.fill(features, start, vectors)

    def parts(self):
        features, vectors = self.features(3000)
        found = joint_reference.build_joint(self.known, features, 128)
        parts = {"joint_input": joint_reference.pack_joint(found)}
        for group, block in zip(self.layout.groups, vectors, strict=True):
            made = fourier.build_fourier(group.name, group.dimension, block.products, block.states)
            parts[fourier.part_name(group.name)] = fourier.pack_fourier(made)
        return parts


def reference_with(layout=PLAIN, **others):
    traffic = Traffic(layout, seed=9)
    return seal(3000, traffic.known, created_unix_s=0.0, provenance={}, parts={**traffic.parts(), **others})


def body(joint):
    effects = joint.measure()
    return None if effects is None else json.dumps(effects.to_json(), allow_nan=False)


def test_first_rows_are_learnt_and_not_counted():
    traffic = Traffic()
    traffic.send(499)
    assert traffic.joint.learning
    assert traffic.joint.measure() is None
    traffic.send(301)
    assert not traffic.joint.learning
    effects = traffic.joint.measure()
    assert (effects.rows, effects.reference_rows, effects.features) == (300, 500, WIDTH)
    assert effects.correlation.pairs == 6


def test_reference_is_used_from_the_first_row_on():
    traffic = Traffic(MIXED, reference_with(MIXED))
    assert not traffic.joint.learning
    traffic.send(300)
    effects = traffic.joint.measure()
    assert (effects.rows, effects.reference_rows) == (300, 3000)
    assert effects.embeddings[0].reference_rows == 3000
    assert effects.reconstruction is not None


@pytest.mark.parametrize(
    "part",
    [b"", b"\xc1", msgspec.msgpack.encode({"version": 99})],
)
def test_part_that_cannot_be_used_is_learnt(part):
    assert Traffic(PLAIN, reference_with(joint_input=part)).joint.learning


def test_embedding_of_another_length_is_learnt():
    other = lay_out(WIDTH + 32, [("e", WIDTH, 32)])
    traffic = Traffic(other, reference_with(MIXED))
    assert traffic.joint.learning
    traffic.send(800)
    assert traffic.joint.measure().embeddings[0].reference_rows == 500


def test_learning_waits_for_the_features():
    traffic = Traffic()
    traffic.joint.use((*traffic.known[:-1], None))
    traffic.send(700)
    assert traffic.joint.learning
    traffic.joint.use(traffic.known)
    traffic.send(10)
    assert not traffic.joint.learning
    assert traffic.joint.measure().rows == 10


def test_changes_are_found():
    traffic = Traffic(MIXED, reference_with(MIXED))
    traffic.send(600, flip=True, shift=0.15)
    effects = traffic.joint.measure()
    assert effects.correlation.pair == ("f0", "f1")
    assert effects.correlation.z < -effects.correlation.limit
    assert effects.embeddings[0].mmd2 > effects.embeddings[0].limit


def test_window_slides_with_the_panes():
    traffic = Traffic(PLAIN, reference_with())
    for start in range(0, 100, PANE):
        traffic.send(20, start)
        traffic.joint.close(start, start + PANE, 1 + start // PANE)
        traffic.joint.expire(start + PANE)
    assert traffic.joint.measure().rows == 100
    traffic.send(7, 100)
    assert traffic.joint.measure().rows == 107
    traffic.joint.expire(150)
    assert traffic.joint.measure().rows == 7
    traffic.joint.close(100, 110, 1)
    assert traffic.joint.measure().rows == 7
    traffic.joint.expire(160)
    assert traffic.joint.measure().rows == 0


def test_open_panes_may_be_filled_in_turn():
    block = Traffic(seed=3).features(90)[0]
    results = []
    for order in ((0, 10, 0, 10), (0, 0, 10, 10)):
        traffic = Traffic(PLAIN, reference_with())
        places = {0: [(0, 20), (40, 60)], 10: [(20, 40), (60, 90)]}
        for start in order:
            first, last = places[start].pop(0)
            traffic.joint.fill(np.ascontiguousarray(block[first:last]), start)
        results.append((body(traffic.joint), traffic.joint.to_state()["granules"]))
        for start in (0, 10):
            traffic.joint.close(start, start + PANE, 1 + start // PANE)
        results.append(
            (body(traffic.joint), [pane["joint"] for pane in traffic.joint.to_state()["granules"]])
        )
    assert results[0] == results[2]
    assert results[1] == results[3]
    assert results[0][0] == results[1][0]


@pytest.mark.parametrize("cut", [0, 1, 3, 6, 9])
@pytest.mark.parametrize("given", [False, True])
def test_checkpoint_goes_on_without_changing_a_number(cut, given):
    reference = reference_with(MIXED) if given else None
    whole, other = Traffic(MIXED, reference), Traffic(MIXED, reference)
    for turn in range(10):
        for traffic in (whole, other):
            traffic.send(97, turn * PANE)
        if turn == cut:
            packed = msgspec.msgpack.decode(msgspec.msgpack.encode(other.joint.to_state()))
            other.joint = JointAnalysis(other.specs, MIXED.groups, "input", SETTINGS, reference)
            other.joint.use(other.known)
            other.joint.restore(packed)
        assert body(whole.joint) == body(other.joint)
        for traffic in (whole, other):
            traffic.joint.close(turn * PANE, (turn + 1) * PANE, turn + 1)
            traffic.joint.expire((turn + 1) * PANE)
    assert whole.joint.to_state() == other.joint.to_state()
    assert body(whole.joint) is not None


def test_asking_changes_nothing():
    asked, quiet = Traffic(PLAIN, reference_with()), Traffic(PLAIN, reference_with())
    for _ in range(5):
        for traffic in (asked, quiet):
            traffic.send(70)
        asked.joint.measure()
        asked.joint.to_state()
    assert body(asked.joint) == body(quiet.joint)


def test_a_pane_kept_by_rows_closes_whole_when_a_row_has_moved_its_begin_back():
    """Rows of two workers: the begin of the open pane is that of its earliest row so far."""
    traffic = Traffic(PLAIN, reference_with())
    traffic.send(20, 104)
    traffic.send(30, 101)
    traffic.joint.close(101, 105, 1)
    state = traffic.joint.to_state()
    assert state["open"] == []
    assert [pane["joint"]["rows"] for pane in state["granules"]] == [50]


def test_what_has_closed_is_told_with_its_numbers_and_does_not_change_any_more():
    settings = replace(SETTINGS, horizon_ns=24 * PANE)  # two panes a granule
    traffic = Traffic(PLAIN, reference_with(), settings)
    told = []
    for turn in range(4):
        traffic.send(20, turn * PANE)
        traffic.joint.close(turn * PANE, (turn + 1) * PANE, turn + 1)
        told.append(traffic.joint.closed().granules)
    ranges = [[(pane.first, pane.last, pane.rows) for pane in granules] for granules in told]
    assert ranges == [
        [(1, 1, 20)],
        [(1, 2, 40)],
        [(1, 2, 40), (3, 3, 20)],
        [(1, 2, 40), (3, 4, 40)],
    ]


def test_joint_sums_say_by_what_they_count():
    learning, one, other = Traffic(MIXED), Traffic(MIXED), Traffic(MIXED, seed=2)
    assert learning.joint.closed().space is None
    for traffic in (one, other):
        traffic.send(600)
    spaces = [traffic.joint.closed().space for traffic in (one, other)]
    assert spaces[0].id != spaces[1].id  # each has learnt its own
    given = [Traffic(MIXED, reference_with(MIXED), seed=seed).joint.closed().space for seed in (1, 2)]
    assert given[0] == given[1]
    joint, (embedding,) = given[0].open()
    assert (len(joint.names), embedding.name) == (WIDTH + 17, "e")


def test_open_panes_from_before_the_window_are_not_measured():
    traffic = Traffic(PLAIN, reference_with())
    traffic.send(20, 0)
    traffic.send(30, 60)
    assert traffic.joint.measure().rows == 50
    traffic.joint.expire(60)
    assert traffic.joint.measure().rows == 30


def test_a_quiet_model_is_not_measured_again():
    traffic = Traffic(PLAIN, reference_with())
    traffic.send(300)
    effects = traffic.joint.measure()
    traffic.joint.expire(0)
    assert traffic.joint.measure() is effects
    traffic.joint.close(0, PANE, 1)
    assert traffic.joint.measure() is effects
    traffic.joint.expire(500)
    assert traffic.joint.measure().rows == 0
    traffic.send(1, 500)
    assert traffic.joint.measure().rows == 1


def test_dependent_rows_widen_all_limits():
    traffic = Traffic(MIXED, reference_with(MIXED))
    traffic.send(400)
    plain = traffic.joint.measure()
    wide = traffic.joint.measure({spec.name: 4.0 for spec in traffic.specs})
    assert traffic.joint.measure() == plain
    assert wide.reconstruction.z == pytest.approx(plain.reconstruction.z / 2.0)
    assert wide.embeddings[0].limit == pytest.approx(plain.embeddings[0].limit * 4.0)
    assert wide.correlation.smallest_shift > 1.5 * plain.correlation.smallest_shift


def test_nothing_to_join():
    settings = JointSettings(0, 500, 200, 50, PANE)
    traffic = Traffic(PLAIN, None, settings)
    traffic.send(800)
    assert not traffic.joint.learning
    assert traffic.joint.measure() is None


def test_embeddings_alone():
    settings = JointSettings(0, 500, 200, 50, PANE)
    traffic = Traffic(MIXED, None, settings)
    traffic.send(800)
    effects = traffic.joint.measure()
    assert (effects.features, effects.rows, effects.correlation, effects.reconstruction) == (
        0,
        300,
        None,
        None,
    )
    assert effects.embeddings[0].mmd2 < effects.embeddings[0].limit


def test_vectors_that_were_all_missing_are_not_known():
    traffic = Traffic(MIXED, None)
    rows = traffic.rows(900)
    rows[:, WIDTH] = np.nan
    features, vectors = MIXED.reduce(rows)
    traffic.joint.fill(features, 0, vectors)
    effects = traffic.joint.measure()
    assert effects.rows == 400
    assert effects.embeddings == ()
    assert effects.correlation.pairs == 6
