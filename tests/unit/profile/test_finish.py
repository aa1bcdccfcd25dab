from __future__ import annotations

import numpy as np
import pytest

from kernels.moments import deviation, mean
from sidecar.errors import BadReference
from sidecar.profile import partial
from sidecar.profile.finish import category_counts, finish
from sidecar.profile.partial import PartialReference
from sidecar.profile.plan import Plan
from tests.support.tables import make_rows, partial_of, reference_of, write_csv, write_json_lines


def table(tmp_path, rows, name="a.csv"):
    return write_csv(tmp_path / name, rows)


def complaint(plan, *paths):
    with pytest.raises(BadReference) as caught:
        reference_of(plan, *paths)
    return str(caught.value)


def test_a_sample_counts_as_the_rows_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(partial, "SAMPLE_ROWS", 400)
    monkeypatch.setattr(partial, "SAMPLE_VALUES", 400)
    rows = make_rows(4000)
    age, city, score, *_ = reference_of(Plan(), table(tmp_path, rows)).features
    scores = np.array([row["score"] for row in rows])
    assert score.rows == score.sums[0] == 400
    assert score.extremes.tolist() == [scores.min(), scores.max()]  # of all rows
    assert mean(score.sums, score.pivot, score.unit) == pytest.approx(0.5, abs=0.06)  # sd 0.0144
    assert deviation(score.sums, score.unit) == pytest.approx(12**-0.5, abs=0.03)
    assert score.edges[11] == pytest.approx(0.5, abs=0.1)  # from 400 rows: sd 0.025
    assert age.counts[0] == pytest.approx(20, abs=18)  # 5 % of the sample are missing, sd 4.4
    assert city.rows == 4000  # few enough different ones to count them all
    assert city.counts[5] == sum(row["city"] == "Oslo" for row in rows)


def test_too_many_texts_are_counted_in_the_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(partial, "SAMPLE_ROWS", 1000)
    monkeypatch.setattr(partial, "SAMPLE_VALUES", 1000)
    monkeypatch.setattr(partial, "DISTINCT_LIMITS", (10, 100))
    rng = np.random.default_rng(4)
    rows = [{"t": "often" if rng.random() < 0.6 else f"t{rng.integers(0, 1000)}"} for _ in range(5000)]
    kept = partial_of(Plan(), table(tmp_path, rows))
    counts, among = category_counts(kept, "t")
    assert among == 1000
    assert counts["often"] == pytest.approx(600, abs=75)  # sd 15.5
    (feature,) = finish(kept, created_unix_s=0.0).features
    assert feature.categories[0] == "often"
    assert feature.rows == 1000


def test_text_that_comes_late_is_counted_from_the_start(tmp_path):
    path = table(tmp_path, [{"a": text} for text in ("01", "01", "2", "3", "x")])
    (feature,) = reference_of(Plan(), path).features
    assert feature.categories == ("01", "2", "3", "x")
    assert feature.cells.tolist() == [0, 2, 1, 1, 1]


def test_numbers_may_be_categories(tmp_path):
    path = table(tmp_path, [{"a": text} for text in ("01", "1", "01")])
    (feature,) = reference_of(Plan(categorical=("a",)), path).features
    assert (feature.spec.kind, feature.categories) == ("categorical", ("01", "1"))
    path = write_json_lines(tmp_path / "a.jsonl", [{"a": 3}, {"a": 3.5}, {"a": 3}])
    (feature,) = reference_of(Plan(categorical=("a",)), path).features
    assert feature.categories == ("3", "3.5")


def test_rare_categories_are_other(tmp_path):
    rows = [{"t": f"c{k % 80:02d}"} for k in range(800)] + [{"t": "c00"}]
    (feature,) = reference_of(Plan(), table(tmp_path, rows)).features
    assert len(feature.categories) == 64
    assert feature.categories[:3] == ("c00", "c01", "c02")
    assert feature.cells[0] == 160


def test_free_text_has_no_categories(tmp_path):
    rows = [{"t": f"a sentence that nobody says twice, number {k}, and it is long enough"} for k in range(50)]
    (feature,) = reference_of(
        Plan(), table(tmp_path, [{"t": row["t"].replace(",", "")} for row in rows])
    ).features
    assert (feature.spec.kind, feature.categories, feature.cells.tolist()) == ("categorical", (), [50])


def test_arrays_are_no_features(tmp_path):
    path = write_json_lines(tmp_path / "a.jsonl", [{"e": [1, 2], "n": 1}] * 3)
    assert [feature.spec.name for feature in reference_of(Plan(), path).features] == ["n"]


def test_column_that_a_file_lacks(tmp_path):
    one, two = table(tmp_path, [{"a": 1, "b": 2}]), table(tmp_path, [{"a": 1}], "b.csv")
    assert complaint(Plan(), one, two) == "b.csv: expected a column 'b', got none"
    assert reference_of(Plan(columns=("a",)), one, two).rows == 2


def test_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n")
    (tmp_path / "b.jsonl").write_text("")
    assert complaint(Plan(), tmp_path / "a.csv") == "a.csv: expected at least one row, got none"
    both = complaint(Plan(), tmp_path / "b.jsonl", tmp_path / "a.csv")
    assert both == "b.jsonl, a.csv: expected at least one row, got none"
    with pytest.raises(BadReference) as caught:
        finish(PartialReference(Plan()), created_unix_s=0.0)
    assert str(caught.value) == "merge: expected at least one row, got none"


def test_a_file_without_rows_lacks_no_column(tmp_path):
    (tmp_path / "b.csv").write_text("a\n")
    assert reference_of(Plan(), table(tmp_path, [{"a": 1, "b": 2}]), tmp_path / "b.csv").rows == 1


def test_arrays_in_one_file_and_numbers_in_another(tmp_path):
    one = write_json_lines(tmp_path / "a.jsonl", [{"e": [1, 2]}])
    two = write_json_lines(tmp_path / "b.jsonl", [{"e": 1}])
    assert complaint(Plan(), one, two) == "'e': expected arrays in all files, got other values too"


def test_categories_of_a_column_that_is_not_taken(tmp_path):
    path = table(tmp_path, [{"a": 1, "b": 2}])
    assert (
        complaint(Plan(categorical=("c",)), path) == "--categorical: expected columns that are taken, got 'c'"
    )
    assert complaint(Plan(columns=("a",), categorical=("b",)), path) == (
        "--categorical: expected columns that are taken, got 'b'"
    )
