"""Panes by time: the same rows in another order within the lateness give the same bytes, and a checkpoint
anywhere changes nothing."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernels.binning import F64, I64
from sidecar.monitor.analysis import ModelAnalysis
from sidecar.monitor.settings import NS, AnalysisSettings
from sidecar.payload.columns import intern_schema
from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.reference import Reference
from tests.support.panes import contents

PANE_S = 1.0
LATENESS_S = 2.5
START_NS = 1_700_000_000 * NS
SCHEMA = intern_schema(("a", "b"), ("numeric", "numeric"))
KINDS: list[dict[str, Any]] = [
    {},
    {"window_kind": "tumbling"},
    {"half_lives_s": (2.0, 30.0)},
    {"pane_rows": 20},
]


def settings_of(**changes: Any) -> AnalysisSettings:
    plain: dict[str, Any] = {
        "pane_s": PANE_S,
        "horizons_s": (4.0, 20.0),
        "min_rows": 10,
        "auto_rows": 60,
        "false_alarm_days": 0.001,
        "lateness_s": LATENESS_S,
    }
    return AnalysisSettings(**plain | changes)


def reference() -> Reference:
    specs = [FeatureSpec(name, "input", "numeric") for name in ("a", "b")]
    rows = np.random.default_rng(5).normal(size=(500, 2))
    return seal(500, learn_reference(specs, rows, [(), ()]), created_unix_s=0.0, provenance={})


REFERENCE = reference()


def traffic(seed: int, n: int, seconds: float, disorder_s: float) -> tuple[F64, I64]:
    """Rows that come up to `disorder_s` later than a newer one, some of them odd, drifting half way."""
    rng = np.random.default_rng(seed)
    own = np.sort(rng.uniform(0.0, seconds, n))
    arrival = np.argsort(own + rng.uniform(0.0, disorder_s, n), kind="stable")
    rows = rng.normal(size=(n, 2))
    rows[n // 2 :, 0] += 1.5
    rows[rng.random(n) < 0.02, 1] = np.nan
    rows[rng.random(n) < 0.01, 0] = np.inf
    return rows[arrival], (START_NS + (own[arrival] * NS)).astype(np.int64)


def blocks_of(n: int, rng: np.random.Generator) -> list[slice]:
    cuts = np.unique(np.concatenate([[0, n], rng.integers(0, n + 1, rng.integers(0, 30))]))
    return [slice(a, b) for a, b in pairwise(cuts.tolist())]


def feed(analysis: ModelAnalysis, rows: F64, stamps: I64, blocks: list[slice]) -> None:
    for block in blocks:
        now = int(stamps[: block.stop].max())
        analysis.add_block(np.ascontiguousarray(rows[block]), stamps[block], now)


def analysis_of(given_reference: Reference | None, **changes: Any) -> ModelAnalysis:
    return ModelAnalysis("m", "1", "input", SCHEMA, settings_of(**changes), given_reference, epoch=1)


def said(analysis: ModelAnalysis) -> str:
    report = analysis.report(0)
    details = [report.feature_json(name) for name in ("a", "b")]
    sums = [contents(pane) for _, pane in report.horizons]
    return json.dumps([report.drift_json(), details], allow_nan=False) + repr(sums)


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS[:3]))
@example(seed=218, kind={})  # the newest pane is begun before the one before it
@settings(deadline=None, max_examples=40)
def test_another_order_within_the_lateness_gives_the_same_bytes(seed: int, kind: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    rows, stamps = traffic(seed, 400, 15.0, LATENESS_S)
    order = np.argsort(stamps + rng.uniform(0.0, LATENESS_S * NS, len(stamps)), kind="stable")
    one, two = analysis_of(REFERENCE, **kind), analysis_of(REFERENCE, **kind)
    feed(one, rows, stamps, blocks_of(len(rows), rng))
    feed(two, rows[order], stamps[order], blocks_of(len(rows), rng))
    assert sum(one.late.values()) == sum(two.late.values()) == 0
    assert said(one) == said(two)
    assert one.to_state() == two.to_state()


@given(seed=st.integers(0, 2**32), disorder_s=st.sampled_from([0.0, 3.0, 12.0]))
@settings(deadline=None, max_examples=40)
def test_what_is_late_does_not_depend_on_how_the_rows_are_cut_into_blocks(
    seed: int, disorder_s: float
) -> None:
    rng = np.random.default_rng(seed)
    rows, stamps = traffic(seed, 300, 20.0, disorder_s)
    one, two = analysis_of(None), analysis_of(None)
    feed(one, rows, stamps, [slice(n, n + 1) for n in range(len(rows))])
    feed(two, rows, stamps, blocks_of(len(rows), rng))
    assert one.to_state() == two.to_state()


@given(seed=st.integers(0, 2**32), disorder_s=st.sampled_from([0.0, 12.0]))
@settings(deadline=None, max_examples=25)
def test_every_row_is_counted_or_named(seed: int, disorder_s: float) -> None:
    rows, stamps = traffic(seed, 300, 20.0, disorder_s)
    analysis = analysis_of(REFERENCE, horizons_s=(4.0, 1e4))
    feed(analysis, rows, stamps, blocks_of(len(rows), np.random.default_rng(seed)))
    _, longest = analysis.report(0).horizons[-1]
    assert longest.rows + analysis.late["stale"] == len(rows)
    assert longest.counts.sum(axis=1).tolist() == [longest.rows] * 2


@pytest.mark.parametrize("known", [REFERENCE, None], ids=["known", "learnt"])
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS), cut=st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=30)
def test_a_checkpoint_anywhere_changes_no_number(
    known: Reference | None, seed: int, kind: dict[str, Any], cut: float
) -> None:
    rng = np.random.default_rng(seed)
    rows, stamps = traffic(seed, 400, 20.0, 6.0)
    before = round(cut * len(rows))
    went_on = analysis_of(known, **kind)
    feed(went_on, rows[:before], stamps[:before], blocks_of(before, rng) if before else [])
    state = msgpack.unpackb(msgpack.packb(went_on.to_state()), strict_map_key=False)
    resumed = ModelAnalysis.from_state(state, settings_of(**kind), known, epoch=1)
    assert resumed.to_state() == went_on.to_state()
    for block in blocks_of(len(rows) - before, rng) if before < len(rows) else []:
        for analysis in (went_on, resumed):
            feed(analysis, rows[before:], stamps[before:], [block])
        assert said(went_on) == said(resumed)
    assert went_on.late == resumed.late
    assert went_on.to_state() == resumed.to_state()
