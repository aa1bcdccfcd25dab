"""What is stated of memory adds up, and is what the documents say; that it is kept: tests/integration."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sidecar.monitor.memory import Shape, learning_bytes, most_bytes, shape_of
from sidecar.monitor.settings import AnalysisSettings
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.history import most_bytes as history_bytes

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "statistics.md"
DEFAULTS = AnalysisSettings()
RING_ROWS = 1024


def total(settings: AnalysisSettings, shape: Shape) -> int:
    return sum(most_bytes(settings, shape, RING_ROWS).values())


def table() -> str:
    """The table of docs/statistics.md."""
    shapes = [Shape(100, 0, 100), Shape(1000, 0, 1000), Shape(0, 100, 100), Shape(0, 1000, 1000)]
    found = [most_bytes(DEFAULTS, shape, RING_ROWS) for shape in shapes]
    rows = [
        (f"{part}", [parts[part] / 1e6 for parts in found])
        for part in found[0]
        if any(parts[part] for parts in found)
    ]
    rows.append(("**together**", [sum(parts.values()) / 1e6 for parts in found]))
    rows.append(("while learning, instead of windows", [learning_bytes(DEFAULTS, s) / 1e6 for s in shapes]))
    lines = [
        "| MB at most | 100 numeric | 1,000 numeric | 100 categorical | 1,000 categorical |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [f"| {part} | {' | '.join(f'{value:.1f}' for value in values)} |" for part, values in rows]
    return "\n".join(lines)


def test_the_document_has_the_figures_of_the_formula() -> None:
    assert table() in DOCUMENT.read_text()


def test_windows_are_those_of_the_history() -> None:
    parts = most_bytes(DEFAULTS, Shape(20, 0, 20), RING_ROWS)
    assert list(parts)[:4] == ["open panes", "window of 300 s", "window of 3600 s", "window of 86400 s"]
    assert sum(list(parts.values())[:4]) == history_bytes(DEFAULTS.plan(), 20, 36, count_bytes=2)


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_it_grows_with_the_features_and_never_faster(kind: str) -> None:
    shapes = [Shape(n, 0, n) if kind == "numeric" else Shape(0, n, n) for n in (250, 500, 1000, 2000)]
    totals = [total(DEFAULTS, shape) for shape in shapes]
    assert all(1.0 < more / less < 2.0 for less, more in pairwise(totals))


def test_a_horizon_and_a_half_life_more_are_stated() -> None:
    shape = Shape(100, 0, 100)
    longer = replace(DEFAULTS, horizons_s=(*DEFAULTS.horizons_s, 604_800.0), half_lives_s=(3600.0,))
    parts = most_bytes(longer, shape, RING_ROWS)
    assert parts["window of 604800 s"] > 0
    assert parts["decayed sums"] == 8 * 100 * 37
    assert total(longer, shape) > total(DEFAULTS, shape)


def test_joined_features_take_no_more_from_the_limit_on() -> None:
    joined = [most_bytes(DEFAULTS, Shape(n, 0, n), RING_ROWS)["features together"] for n in (1, 64, 128, 999)]
    assert joined[0] == 0
    assert joined[1] * 4 == joined[2] == joined[3]
    alone = replace(DEFAULTS, max_features=0)
    assert most_bytes(alone, Shape(64, 0, 64), RING_ROWS)["features together"] == 0


def test_an_embedding_is_stated_by_its_components() -> None:
    specs = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "input", "categorical")]
    assert shape_of(specs, columns=2, embeddings=0) == Shape(1, 1, 2, 0)
    vectors = most_bytes(DEFAULTS, Shape(17, 0, 384, 1), RING_ROWS)["embeddings"]
    assert vectors > 384 * 272 * 8  # its directions


def test_rows_to_learn_from_are_bounded_however_wide_they_are() -> None:
    greedy = replace(DEFAULTS, auto_rows=10**9, max_features=0)
    assert learning_bytes(greedy, Shape(4096, 0, 4096)) <= 4 * 64_000_000
