from __future__ import annotations

import numpy as np
import pytest

from sidecar.compare.likeness_meters import EmbeddingMeter, RankingMeter


def test_rankings():
    meter = RankingMeter(least=0.9, top_k=2)
    apart = meter.add([["a", "b", "c"], ["a", "b", "c"], []], [["a", "c", "b"], ["x", "y", "z"], []])
    assert apart.tolist() == [False, True, False]
    found = meter.to_json()
    assert found["overlap"]["mean"] == pytest.approx((0.955 + 0.0 + 1.0) / 3, abs=1e-3)
    assert found["top_k_overlap"] == pytest.approx((0.5 + 0.0 + 1.0) / 3, abs=1e-3)


def test_embeddings():
    meter = EmbeddingMeter(least=0.9)
    primary = np.array([[1.0, 0.0], [1.0, 0.0], [np.nan, 0.0], [1.0, 0.0]])
    shadow = np.array([[2.0, 0.0], [1.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    assert meter.add(primary, shadow).tolist() == [False, True, True, True]
    assert meter.to_json()["cosine"]["p50"] == pytest.approx(0.707, abs=1e-3)


def test_before_the_first_row():
    assert RankingMeter().to_json()["overlap"]["mean"] is None
    assert EmbeddingMeter().to_json()["cosine"]["mean"] is None
