from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.distinct import (
    BEYOND_ASCII,
    CLASSES,
    DIGITS,
    LENGTHS,
    LETTERS,
    N_FINITE,
    N_NEG_INF,
    N_POS_INF,
    SIGNS,
    SPACES,
    TALLY,
    USED,
    count_numbers,
    count_texts,
    hash_texts,
    mark_plain,
    move_entries,
)
from sidecar.profile.encoding import number_text

ALL = np.uint64(2**64 - 1)


def table(places=64):
    return np.zeros(places, dtype=np.uint64), np.zeros(places, dtype=np.int64), np.full(places, np.nan)


def side_by_side(texts):
    """Octets, offsets and presence of texts, the plain way."""
    octets = b"".join((text or "").encode() for text in texts)
    ends = np.cumsum([0, *(len((text or "").encode()) for text in texts)])
    present = np.array([text is not None for text in texts], dtype=np.uint8)
    return np.frombuffer(octets, dtype=np.uint8), ends.astype(np.int64), present


def hashes_of(texts):
    packed = side_by_side(texts)
    hashes = np.empty(len(texts), dtype=np.uint64)
    hash_texts(packed, hashes)
    return hashes


def counted(values, limit=ALL, places=64):
    kept, tally, extremes = table(places), np.zeros(TALLY, dtype=np.int64), np.array([np.inf, -np.inf])
    count_numbers(np.array(values, dtype=np.float64), limit, kept, tally, extremes)
    return kept, tally, extremes


def test_numbers_are_counted_by_kind_and_value():
    (keys, counts, numbers), tally, extremes = counted(
        [1.0, 2.0, 1.0, np.nan, np.inf, -np.inf, -np.inf, -3.5]
    )
    assert tally[[N_POS_INF, N_NEG_INF, N_FINITE, USED]].tolist() == [1, 2, 4, 5]
    assert extremes.tolist() == [-3.5, 2.0]
    found = dict(zip(numbers[keys != 0].tolist(), counts[keys != 0].tolist(), strict=True))
    assert found == {1.0: 2, 2.0: 1, np.inf: 1, -np.inf: 2, -3.5: 1}


def test_both_zeros_are_one_value():
    (_, counts, _), tally, _ = counted([0.0, -0.0, 0.0])
    assert (tally[USED], counts.max()) == (1, 3)


def test_only_hashes_up_to_the_limit_are_let_in_and_their_counts_are_exact():
    values = np.random.default_rng(1).integers(0, 500, size=3000).astype(np.float64)
    whole, _, _ = counted(values, places=1024)
    middle = np.uint64(2**63)
    half, tally, _ = counted(values, middle, places=1024)
    kept = {
        key: count for key, count in zip(*(a.tolist() for a in whole[:2]), strict=True) if 0 < key <= middle
    }
    assert {key: count for key, count in zip(*(a.tolist() for a in half[:2]), strict=True) if key} == kept
    assert tally[USED] == len(kept)
    assert 200 < len(kept) < 300  # half of 500 hashes, sd 11


def test_texts_are_hashed_alike_wherever_they_lie():
    first = hashes_of(["a", None, "", "über", "a"])
    assert first[0] == first[4] != 0
    assert first[1] == 0
    assert first[2] not in (0, first[0])
    assert hashes_of(["x", "über"])[1] == first[3]


def test_texts_are_counted_by_text_length_and_characters():
    texts = ["ab 1", "ab 1", None, "", "ß!", "x" * 9]
    octets, offsets, _ = side_by_side(texts)
    kept, tally = table(), np.zeros(TALLY, dtype=np.int64)
    lengths, classes = np.zeros(LENGTHS, dtype=np.int64), np.zeros(CLASSES, dtype=np.int64)
    fresh = np.empty(len(texts), dtype=np.int64)
    written = (lengths, classes, fresh)
    n_fresh = count_texts((octets, offsets, hashes_of(texts)), ALL, kept, tally, written)
    assert fresh[:n_fresh].tolist() == [0, 3, 4, 5]
    assert tally[USED] == 4
    assert sorted(kept[1][kept[0] != 0].tolist()) == [1, 1, 1, 2]
    assert {length: count for length, count in enumerate(lengths.tolist()) if count} == {
        0: 1,
        2: 1,
        3: 2,
        4: 1,
    }
    assert classes[[LETTERS, DIGITS, SPACES, SIGNS, BEYOND_ASCII]].tolist() == [13, 2, 2, 1, 1]


WRITTEN = [
    "0", "-0", "1", "-1", "01", "-01", "10", "0.5", "-0.5", ".5", "5.", "00.5", "0.50", "1.0", "+1", "1e3",
    "0.0001", "0.00001", "-0.00012", "123456789012345", "1234567890123456", "0.123456789012345", "1.5.2", "",
    "-", "1_0", " 1", "x", "inf", "12345.6789", "0.30000000000000004", "9007199254740993", "0.0", "-0.0",
]  # fmt: skip


def marked(texts):
    octets, offsets, _ = side_by_side(texts)
    plain = np.empty(len(texts), dtype=np.uint8)
    mark_plain(octets, offsets, plain)
    return plain.tolist()


def test_plain_numbers_are_what_python_writes():
    for text, plain in zip(WRITTEN, marked(WRITTEN), strict=True):
        if plain:
            assert number_text(float(text)) == text
    found = [text for text, plain in zip(WRITTEN, marked(WRITTEN), strict=True) if plain]
    assert found == [
        "0",
        "1",
        "-1",
        "10",
        "0.5",
        "-0.5",
        "0.0001",
        "-0.00012",
        "123456789012345",
        "12345.6789",
    ]


@given(st.floats(-1e6, 1e6), st.integers(0, 9))
def test_what_python_writes_in_15_digits_is_plain(value, digits):
    text = number_text(round(value, digits))
    n_digits = sum(letter.isdigit() for letter in text)
    assert marked([text]) == [1 if n_digits <= 15 and "e" not in text else 0]


@given(st.text("0123456789.-", max_size=17))
def test_no_other_text_is_plain(text):
    if marked([text]) == [1]:
        assert number_text(float(text)) == text


@pytest.mark.parametrize("limit", [2**64 - 1, 2**62])
def test_moving_entries_adds_counts(limit):
    first, _, _ = counted([1.0, 2.0, 3.0, 3.0], places=16)
    into, tally, _ = counted([3.0, 4.0], np.uint64(limit), places=16)
    new = move_entries(*first, np.uint64(limit), into)
    expected = Counter()
    for keys, counts, _ in (first, counted([3.0, 4.0], places=16)[0]):
        expected.update({k: c for k, c in zip(keys.tolist(), counts.tolist(), strict=True) if 0 < k <= limit})
    found = {k: c for k, c in zip(into[0].tolist(), into[1].tolist(), strict=True) if k}
    assert found == dict(expected)
    assert tally[USED] + new == len(found)
