from __future__ import annotations

import math

import numpy as np

from kernels.lanes import type_errors
from sidecar.payload.columns import NOT_A_TEXT
from sidecar.profile.unseen import UnseenTexts
from sidecar.profile.vocabulary import TEXT_LIMIT, Vocabulary


def test_codes_count_from_1_in_order_of_arrival():
    vocabulary = Vocabulary()
    assert [vocabulary.code(text) for text in ("b", "a", "b", "")] == [1.0, 2.0, 1.0, 3.0]
    assert vocabulary.texts == ("b", "a", "")


def test_frozen_vocabulary_answers_other():
    vocabulary = Vocabulary(("a", "b"), frozen=True)
    assert [vocabulary.code(text) for text in ("a", "b", "c")] == [1.0, 2.0, 0.0]
    assert len(vocabulary) == 2


def test_full_vocabulary_answers_other():
    vocabulary = Vocabulary(limit=2)
    assert [vocabulary.code(text) for text in "abcab"] == [1.0, 2.0, 0.0, 1.0, 2.0]


def test_a_long_text_is_no_category_and_is_not_held():
    prompt = "x" * TEXT_LIMIT
    vocabulary = Vocabulary()
    assert vocabulary.code(prompt) == 0.0
    assert vocabulary.code(prompt[1:]) == 1.0
    assert vocabulary.texts == (prompt[1:],)


def test_freezing_ends_the_learning():
    vocabulary = Vocabulary()
    vocabulary.code("a")
    assert vocabulary.freeze() == ("a",)
    assert vocabulary.code("b") == 0.0
    assert vocabulary.frozen


def test_codes_of_a_column():
    vocabulary = Vocabulary(("a", "b"))
    assert vocabulary.codes(["b", "a", "b"]) == [2.0, 1.0, 2.0]
    codes = vocabulary.codes(["new", None, "a"])
    assert (codes[0], codes[2]) == (3.0, 1.0)
    assert math.isnan(codes[1])
    assert vocabulary.texts == ("a", "b", "new")


def test_missing_is_no_category():
    vocabulary = Vocabulary()
    assert all(math.isnan(code) for code in vocabulary.codes([None, None]))
    assert len(vocabulary) == 0


def test_a_value_that_is_no_text_is_a_type_error_and_no_category():
    vocabulary = Vocabulary()
    assert type_errors(np.array(vocabulary.codes(["a", NOT_A_TEXT, None]))).tolist() == [False, True, False]
    assert vocabulary.texts == ("a",)


def test_unseen_texts_have_numbers_of_their_own():
    unseen = UnseenTexts()
    vocabulary = Vocabulary(("a",), frozen=True, unseen=unseen)
    codes = vocabulary.codes(["a", "b", "c", "b", None])
    assert codes[0] == 1.0
    assert codes[1] == codes[3] != codes[2]
    assert max(codes[1:4]) < 0.0
    assert vocabulary.texts == ("a",)


def test_while_learning_only_texts_beyond_the_limit_are_unseen():
    vocabulary = Vocabulary(limit=1, unseen=UnseenTexts())
    assert vocabulary.code("a") == 1.0
    assert vocabulary.code("b") < 0.0
