from __future__ import annotations

import json

import pytest

from sidecar.compare.class_meter import ANOTHER, LABEL_LIMIT, MOST_CLASSES, OTHER, ClassMeter


def test_two_raters_of_a_textbook():
    """Cohen's kappa of 45, 15 / 25, 15: agreement 0.6, expected 0.54."""
    meter = ClassMeter()
    pairs = [("yes", "yes")] * 45 + [("yes", "no")] * 15 + [("no", "yes")] * 25 + [("no", "no")] * 15
    apart = meter.add([ours for ours, _ in pairs], [theirs for _, theirs in pairs])
    found = meter.to_json()
    assert apart.sum() == 40
    assert (found["rows"], found["agreement"]) == (100, pytest.approx(0.6))
    assert found["kappa"] == pytest.approx(0.1304, abs=1e-4)
    low, high = found["kappa_interval"]
    assert low < found["kappa"] < high
    assert found["confusion"] == [
        {"primary": "no", "shadow": "yes", "count": 25},
        {"primary": "yes", "shadow": "no", "count": 15},
    ]


def test_a_label_that_is_missing_on_both_sides_is_the_same():
    meter = ClassMeter()
    assert meter.add([None, None, "a"], [None, "a", "a"]).tolist() == [False, True, False]


def test_labels_are_bounded_and_yet_told_apart_row_by_row():
    meter = ClassMeter()
    labels = [f"label {number}" for number in range(1000)]
    assert meter.add(labels, labels[::-1]).all()
    assert len({label for pair in meter.pairs for label in pair}) == MOST_CLASSES + 2
    assert (OTHER, ANOTHER) in meter.pairs


def test_before_the_first_row():
    found = ClassMeter().to_json()
    assert (found["agreement"], found["kappa"], found["kappa_interval"]) == (None, None, None)
    json.dumps(found, allow_nan=False)


def test_further_labels_that_differ_do_not_count_as_agreement():
    meter = ClassMeter()
    meter.add([f"label {number}" for number in range(MOST_CLASSES)], ["label 0"] * MOST_CLASSES)
    apart = meter.add(["new", "new", "newer"], ["new", "newer", "new"])
    found = meter.to_json()
    assert apart.tolist() == [False, True, True]
    assert found["agreement"] == pytest.approx(2 / found["rows"])


def test_a_missing_label_is_not_an_empty_one():
    meter = ClassMeter()
    assert meter.add([None], [""]).tolist() == [True]
    assert meter.to_json()["agreement"] == 0.0


def test_what_is_kept_of_long_labels_is_bounded_and_yet_tells_them_apart():
    meter = ClassMeter()
    meter.add(["x" * 100_000 + "a"] * 2, ["x" * 100_000 + "b", "x" * 100_000 + "a"])
    assert meter.to_json()["agreement"] == 0.5
    assert max(len(label) for pair in meter.pairs for label in pair) == LABEL_LIMIT
