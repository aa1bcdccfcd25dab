"""Counting different values against the plain way: a counter, hashes in whole numbers, the smallest k."""

from __future__ import annotations

import struct
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.distinct import CLASSES, LENGTHS, TALLY
from sidecar.profile.cells import join_texts
from sidecar.profile.distinct import Distinct, empty_written
from sidecar.profile.encoding import number_text

WORD = 2**64
values = st.lists(st.floats(allow_nan=True) | st.integers(-9, 9).map(float), max_size=300)
texts = st.lists(st.none() | st.text(max_size=5) | st.sampled_from(["a", "b"]), max_size=200)


def splitmix(word: int) -> int:
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % WORD
    return word ^ (word >> 31)


def number_hash(value: float) -> int:
    (bits,) = struct.unpack("<Q", struct.pack("<d", value + 0.0))
    return splitmix((bits + 0x9E3779B97F4A7C15) % WORD) or 1


def smallest(numbers: list[float], k: int) -> dict[str, int]:
    """The k values of smallest hash and how often each occurs."""
    counts = Counter(value + 0.0 for value in numbers if value == value)
    return {number_text(value): counts[value] for value in sorted(counts, key=number_hash)[:k]}


@given(values, st.integers(1, 40))
@settings(deadline=None)
def test_numbers(numbers, k):
    made, tally, extremes = Distinct(), np.zeros(TALLY, dtype=np.int64), np.array([np.inf, -np.inf])
    made.add_numbers(np.array(numbers, dtype=np.float64), k, tally, extremes)
    made.settle(k)
    assert dict(made.entries()) == smallest(numbers, k)
    finite = [value for value in numbers if np.isfinite(value)]
    assert tally[:3].tolist() == [numbers.count(np.inf), numbers.count(-np.inf), len(finite)]
    assert extremes.tolist() == [min(finite, default=np.inf), max(finite, default=-np.inf)]


@given(texts)
@settings(deadline=None)
def test_texts(written):
    made, (lengths, classes) = Distinct(), empty_written()
    made.add_texts(join_texts(written), 10_000, lengths, classes)
    present = [text for text in written if text is not None]
    assert dict(made.entries()) == dict(Counter(present))
    assert lengths.tolist() == np.bincount([len(t).bit_length() for t in present], minlength=LENGTHS).tolist()
    letters = [class_of(letter) for text in present for letter in text]
    assert classes.tolist() == np.bincount(letters, minlength=CLASSES).tolist()


def class_of(letter: str) -> int:
    if not letter.isascii():
        return 4
    if letter.isalpha():
        return 0
    if letter.isdigit():
        return 1
    return 2 if letter in " \t\n\v\f\r" else 3
