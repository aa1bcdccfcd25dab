from __future__ import annotations

import numpy as np
import pytest

from kernels.fourier import INFINITE, MISSING, TYPE_ERROR, WHOLE
from kernels.lanes import TYPE_ERROR_NAN, type_errors
from sidecar.errors import ShapeMismatch
from sidecar.payload.columns import intern_schema
from sidecar.profile.directions import DIRECTIONS
from sidecar.profile.embedding import (
    BLOCK_ROWS,
    FEATURES,
    find_tensors,
    lay_out,
    plain_layout,
    vector_features,
)
from sidecar.profile.feature import FeatureSpec


def schema(names, texts=()):
    kinds = tuple("categorical" if name in texts else "numeric" for name in names)
    return intern_schema(tuple(names), kinds)


def tensor(name, width):
    return [f"{name}[{at}]" for at in range(width)]


def test_tensors_are_columns_in_a_row():
    names = ["age", *tensor("x", 3), *tensor("e", 2), "last"]
    assert find_tensors(schema(names)) == {"x": (1, 3), "e": (4, 2)}


@pytest.mark.parametrize(
    "names",
    [[], ["x"], ["x[0]"], ["x[1]", "x[2]"], ["x[0]", "y", "x[1]"], ["x[0]", "x[2]"], ["x[00]", "x[01]"]],
)
def test_other_columns_are_no_tensor(names):
    assert find_tensors(schema(names)) == {}


def test_texts_end_a_tensor():
    assert find_tensors(schema(tensor("x", 4), texts=("x[2]",))) == {"x": (0, 2)}


def test_names_may_hold_brackets():
    assert find_tensors(schema(tensor("a[0]", 2))) == {"a[0]": (0, 2)}


def test_features_take_the_place_of_the_columns():
    layout = lay_out(8, [("e", 1, 3), ("f", 6, 2)])
    n = len(FEATURES)
    assert layout.width == 1 + n + 2 + n
    assert (layout.sources.tolist(), layout.targets.tolist()) == ([0, 4, 5], [0, 1 + n, 2 + n])
    assert [(g.name, g.first, g.dimension, g.target) for g in layout.groups] == [
        ("e", 1, 3, 1),
        ("f", 6, 2, n + 3),
    ]
    assert layout.groups[0].features[:2] == ("e.norm", "e.p00")
    assert layout.by_column(list(range(layout.width))) == [0, None, None, None, 1 + n, 2 + n, None, None]


def test_rows_without_embeddings_are_passed_on():
    rows = np.ones((3, 5))
    features, vectors = plain_layout(5).reduce(rows)
    assert features is rows
    assert vectors == ()


def test_one_group_of_17_features():
    rows = np.zeros((2, 5))
    rows[:, 0], rows[:, 4] = 7.0, 8.0
    rows[0, 1:4] = 2.0, 3.0, 6.0
    features, (vectors,) = lay_out(5, [("e", 1, 3)]).reduce(rows)
    assert features.shape == (2, 19)
    assert (features[:, 0].tolist(), features[:, 18].tolist()) == ([7.0, 7.0], [8.0, 8.0])
    assert features[:, 1].tolist() == [7.0, 0.0]
    assert vectors.products.shape == (2, DIRECTIONS)
    assert np.unique(np.abs(features[0, 2:18] * np.sqrt(3)).round(6)).tolist() <= [1.0, 5.0, 7.0, 11.0]


def test_what_is_not_whole_is_so_in_all_features():
    rows = np.ones((4, 3))
    rows[1, 0], rows[2, 1], rows[3, 2] = np.nan, TYPE_ERROR_NAN, -np.inf
    features, (vectors,) = lay_out(3, [("e", 0, 3)]).reduce(rows)
    assert vectors.states.tolist() == [WHOLE, MISSING, TYPE_ERROR, INFINITE]
    assert np.isfinite(features[0]).all()
    assert np.isnan(features[1:3]).all()
    assert type_errors(features).all(axis=1).tolist() == [False, False, True, False]
    assert np.isposinf(features[3]).all()


def test_one_wild_row_leaves_the_others_alone():
    rows = np.random.default_rng(1).normal(size=(50, 64))
    layout = lay_out(64, [("e", 0, 64)])
    calm, _ = layout.reduce(rows)
    rows[7] = 1e6
    wild, _ = layout.reduce(rows)
    assert np.array_equal(np.delete(wild, 7, axis=0), np.delete(calm, 7, axis=0))
    assert np.abs(wild[7]).max() <= 512.0 * 64


@pytest.mark.parametrize("size", [1, 7, BLOCK_ROWS, 600])
def test_blocks_do_not_change_a_bit(size):
    rows = np.random.default_rng(2).normal(size=(600, 100))
    layout = lay_out(100, [("e", 0, 100)])
    features, (vectors,) = layout.reduce(rows)
    for start in range(0, 600, size):
        part, (block,) = layout.reduce(rows[start : start + size])
        assert part.tobytes() == features[start : start + size].tobytes()
        assert block.products.tobytes() == vectors.products[start : start + size].tobytes()


def test_read_only_rows_and_no_rows():
    layout = lay_out(3, [("e", 0, 3)])
    rows = np.ones((2, 3))
    rows.flags.writeable = False
    assert layout.reduce(rows)[0].shape == (2, 17)
    assert layout.reduce(np.empty((0, 3)))[0].shape == (0, 17)


@pytest.mark.parametrize("rows", [np.ones((2, 4)), np.ones((2, 3), dtype=np.float32), np.ones((3, 2)).T])
def test_rows_of_another_shape_are_refused(rows):
    with pytest.raises(ShapeMismatch) as refused:
        lay_out(3, [("e", 0, 3)]).reduce(rows)
    expected = f"rows: expected 3 columns of float64 in C order, got {rows.shape} {rows.dtype}"
    assert str(refused.value) == expected


def test_vectors_of_a_file_have_the_features_of_traffic():
    rows = np.random.default_rng(3).normal(size=(20, 8))
    found = vector_features("e", rows)
    features, _ = lay_out(8, [("e", 0, 8)]).reduce(rows)
    assert list(found) == [f"e.{name}" for name in FEATURES]
    assert np.array_equal(np.column_stack(list(found.values())), features)


def test_parts_of_vectors():
    _, (vectors,) = lay_out(3, [("e", 0, 3)]).reduce(np.ones((5, 3)))
    part = vectors.cut(1, 3)
    assert part.states.shape == (2,)
    copied = part.copy()
    vectors.products[:] = 0.0
    assert copied.products.any()
    assert not part.products.any()


def test_features_are_named_after_columns_and_embeddings():
    columns = [FeatureSpec(name, "output", "numeric") for name in ("a", "e[0]", "e[1]", "b")]
    specs = lay_out(4, [("e", 1, 2)]).name_features(columns)
    assert [spec.name for spec in specs] == ["a", *(f"e.{name}" for name in FEATURES), "b"]
    assert {(spec.role, spec.kind) for spec in specs} == {("output", "numeric")}
    assert plain_layout(0).name_features([]) == ()
