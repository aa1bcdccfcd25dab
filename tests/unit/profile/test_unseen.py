from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest

from sidecar.profile.unseen import (
    GENERATION,
    KEY_BITS,
    UnseenTexts,
    UnseenWindow,
    generation_of,
    key_of,
    most_bytes,
    stretches_of,
)
from sidecar.profile.unseen_pane import Unseen
from tests.twins import plain_summaries as plain

S = 1_000_000_000


def window_of(texts, words, *, horizon_ns=3600 * S, place=1, times=None):
    window = UnseenWindow([place], [texts], horizon_ns)
    for at, word in enumerate(words):
        code = texts.code(word) if word is not None else np.nan
        window.fill(np.array([[5.0, code]]), at * S if times is None else times[at])
    return window


def test_key_is_the_upper_part_of_the_published_hash():
    assert key_of("Käse") == plain.xxh64("Käse".encode()) >> 11
    assert key_of("\ud800") < 2**KEY_BITS  # a lone surrogate has a hash too


def test_code_is_exact_and_negative():
    texts = UnseenTexts()
    for word in ("", "a", "b" * 500, "\0"):
        code = texts.code(word)
        assert code == texts.code(word) == -1.0 - key_of(word)
        assert int(code) == -1 - key_of(word)  # no digit of it is lost in a float64
        assert texts.text(-1 - int(code)) == (word[:64] or None)


def test_a_text_is_remembered_as_long_as_it_keeps_coming():
    texts = UnseenTexts()
    for at in range(5 * GENERATION):
        texts.code(f"once {at}")
        if at % 64 == 0:
            texts.code("often")
    assert texts.text(key_of("often")) == "often"
    assert texts.text(key_of("once 0")) is None
    assert len(texts._texts) + len(texts._older_texts) <= 2 * GENERATION
    assert len(texts._codes) + len(texts._older_codes) <= 2 * GENERATION


def test_most_frequent_come_first_with_counts_and_texts():
    words = ["x"] * 3 + ["y"] * 5 + [None] + ["z" * 100]
    window = window_of(UnseenTexts(), words)
    assert window.most_frequent(1) == (Unseen("y", 5, 0), Unseen("x", 3, 0), Unseen("z" * 64, 1, 0))
    assert window.distinct(1) == pytest.approx(3.0, abs=0.01)


def test_known_codes_and_other_columns_are_no_unseen_texts():
    window = UnseenWindow([1], [UnseenTexts()], S)
    window.fill(np.array([[-7.0, 1.0], [-8.0, 3.0], [-9.0, np.nan], [-1.0, np.inf]]), 0)
    assert window.most_frequent(1) == ()
    assert window.distinct(1) == 0.0


def test_skewed_texts_beyond_all_counters():
    words = [f"w{n}" for n in np.random.default_rng(5).zipf(1.3, size=3000)]
    window = window_of(UnseenTexts(), words)
    true = Counter(words)
    found = window.most_frequent(1)
    assert len(found) == 64
    assert found[0].category == "w1"
    assert not any(unseen.category.startswith("#") for unseen in found[:20])
    shown = [unseen for unseen in found if not unseen.category.startswith("#")]
    for unseen in shown:
        assert unseen.count - unseen.error <= true[unseen.category] <= unseen.count
    assert window.distinct(1) == pytest.approx(len(true), rel=0.05)


def test_what_is_older_than_the_horizon_is_forgotten():
    window = window_of(UnseenTexts(), ["old", "new"], horizon_ns=320 * S, times=[0, 400 * S])
    window.expire(500 * S)
    assert [unseen.category for unseen in window.most_frequent(1)] == ["new"]


def test_order_of_the_rows_within_a_stretch_is_all_that_may_matter():
    """Rows of different stretches may come in any order."""
    rng = np.random.default_rng(6)
    words = [f"w{n}" for n in rng.zipf(1.2, size=400)]
    times = [at // 50 * 120 * S for at in range(400)]
    texts = UnseenTexts()
    forward = window_of(texts, words, times=times)
    order = np.argsort(rng.random(8))
    blocks = [at for block in order for at in range(block * 50, block * 50 + 50)]
    shuffled = window_of(texts, [words[at] for at in blocks], times=[times[at] for at in blocks])
    assert shuffled.to_state()["granules"] == forward.to_state()["granules"]
    assert shuffled.most_frequent(1) == forward.most_frequent(1)


def test_resumed_is_the_same_with_its_texts():
    words = [f"w{n}" for n in np.random.default_rng(7).zipf(1.2, size=500)]
    window = window_of(UnseenTexts(), words)
    resumed = UnseenWindow([1], [UnseenTexts()], 3600 * S)
    resumed.restore(window.to_state())
    assert resumed.most_frequent(1) == window.most_frequent(1)
    assert resumed.distinct(1) == window.distinct(1)
    assert resumed.to_state() == window.to_state()


def test_a_forgotten_text_is_shown_by_its_key():
    window = window_of(UnseenTexts(), ["x"])
    blind = UnseenWindow([1], [UnseenTexts()], 3600 * S)
    blind.restore({**window.to_state(), "texts": []})
    assert blind.most_frequent(1) == (Unseen(f"#{key_of('x'):014x}", 1, 0),)


@pytest.mark.parametrize("features", [2, 40])
def test_ever_new_texts_in_every_feature_take_what_is_stated(features):
    texts = [UnseenTexts(generation_of(features)) for _ in range(features)]
    window = UnseenWindow(range(features), texts, 32 * S)
    tracemalloc.start()
    for at in range(2 * GENERATION):
        row = np.array([[one.code(chr(0x1F600) + f"{at:031}{place:032}") for place, one in enumerate(texts)]])
        if at % 32 == 0:
            window.fill(row, at // 32 * S)
            window.expire(at // 32 * S)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.7 * most_bytes(features) < held < most_bytes(features)


def test_many_features_share_what_few_may_have():
    assert [generation_of(features) for features in (1, 32, 100, 1000)] == [512, 512, 163, 32]
    assert [stretches_of(features) for features in (1, 32, 100, 1000)] == [32, 32, 10, 4]
    assert most_bytes(1000) < 3 * most_bytes(32)
