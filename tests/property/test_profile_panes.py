from __future__ import annotations

import json

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernels.lanes import FIRST_CELL
from sidecar.drift.difference import compare_references
from sidecar.monitor.analysis import ModelAnalysis
from sidecar.monitor.settings import AnalysisSettings
from sidecar.payload.columns import intern_schema
from sidecar.profile.codec import decode, encode, seal
from sidecar.profile.edges import quantile_edges
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from tests.support.panes import contents
from tests.twins import plain

SPECS = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "input", "categorical")]
floats = st.floats(width=64)
columns = arrays(np.float64, st.integers(0, 60), elements=floats)


def rows_of(numbers):
    codes = np.arange(numbers.size, dtype=float) % 4
    return np.column_stack([numbers, codes])


def pane_of(table, rows):
    pane = Pane.empty(0, 1, table.width, table.lanes)
    pane.fill(table, np.ascontiguousarray(rows))
    return pane


@given(columns)
@settings(deadline=None)
def test_edges_are_ascending_finite_and_at_most_31(values):
    edges = quantile_edges(values)
    assert edges.size <= 31
    assert np.isfinite(edges).all()
    assert np.all(np.diff(edges) > 0)


@given(columns, columns)
@settings(deadline=None)
def test_every_value_is_in_exactly_one_lane(learnt, values):
    features = learn_reference(SPECS, rows_of(learnt), [(), ("x", "y")])
    pane = pane_of(lane_table(SPECS, features), rows_of(values))
    assert pane.counts.sum(axis=1).tolist() == [values.size, values.size]
    own = features[0].counts.size
    assert pane.counts[0, :own].tolist() == plain.lanes(values, features[0].edges).tolist()
    assert pane.counts[0, own:].sum() == 0


@given(columns, st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_fill_then_merge_is_fill_at_once(values, first, second):
    features = learn_reference(SPECS, rows_of(values), [(), ("x", "y")])
    table = lane_table(SPECS, features)
    rows = rows_of(values)
    low, high = sorted((min(first, values.size), min(second, values.size)))
    a, b, c = (pane_of(table, part) for part in (rows[:low], rows[low:high], rows[high:]))
    whole = pane_of(table, rows)
    c.merge(a)
    c.merge(b)
    assert contents(c) == contents(whole)


@given(columns)
@settings(deadline=None)
def test_merging_into_an_empty_pane_copies(values):
    features = learn_reference(SPECS, rows_of(values), [(), ("x", "y")])
    table = lane_table(SPECS, features)
    pane, empty = pane_of(table, rows_of(values)), Pane.empty(0, 1, 2, table.lanes)
    empty.merge(pane)
    assert contents(empty) == contents(pane)


@given(columns, st.lists(st.text(), unique=True, max_size=64))
@settings(deadline=None)
def test_reference_survives_its_file(values, texts):
    features = learn_reference(SPECS, rows_of(values), [(), texts])
    before = seal(values.size, features, created_unix_s=1.0, provenance={"files": "ü"})
    after = decode(encode(before), "r")
    assert encode(after) == encode(before)
    assert after.features[1].categories == tuple(texts)
    assert after.features[0].counts[FIRST_CELL:].tolist() == features[0].cells.tolist()


@given(columns, columns)
@settings(deadline=None)
def test_every_window_has_a_verdict(learnt, values):
    """Whatever the values, the report is finite numbers or None."""
    schema = intern_schema(("a", "b"), ("numeric", "numeric"))
    analysis = ModelAnalysis("m", None, "input", schema, AnalysisSettings(auto_rows=50, min_rows=20), None)
    for now, rows in enumerate((learnt, values, values)):
        analysis.add_rows(np.column_stack([rows, rows[::-1]]), now * 60_000_000_000)
        report = analysis.report(now * 60_000_000_000)
        json.dumps([report.drift_json(), report.feature_json("a")], allow_nan=False)
    again = ModelAnalysis.from_state(analysis.to_state(), AnalysisSettings(auto_rows=50, min_rows=20), None)
    assert again.to_state() == analysis.to_state()


@given(columns, columns)
@example(np.array([0.0]), np.array([np.finfo(np.float64).max]))
@settings(deadline=None)
def test_references_of_anything_can_be_compared(first, second):
    made = []
    for values in (first, second):
        features = learn_reference(SPECS, rows_of(values), [(), ("x", "y")])
        made.append(seal(values.size, features, created_unix_s=0.0, provenance={}))
    for found in compare_references(*made):
        json.dumps(found.to_json(), allow_nan=False)
    assert {found.state for found in compare_references(made[0], made[0])} == {"ok"}
