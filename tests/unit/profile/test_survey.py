from __future__ import annotations

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import source, survey
from sidecar.profile.survey import Reservoir, survey_tables


def looked(tmp_path, *texts, columns=None, kinds=None):
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.csv")
        paths[-1].write_text(text)
    return survey_tables(paths, columns, kinds or {}, lambda _share: None)


def test_kinds_samples_and_categories(tmp_path):
    found = looked(tmp_path, "n,t\n1,x\n2,y\n,x\n", "n,t\n4,x\n")
    assert found.names == ["n", "t"]
    assert found.categorical == {"t"}
    assert found.rows == 4
    assert found.samples["n"] == pytest.approx([1, 2, np.nan, 4], nan_ok=True)
    assert found.categories["t"] == {"x": 3, "y": 1}


def test_text_that_comes_late_is_counted_from_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BLOCK_ROWS", 2)
    found = looked(tmp_path, "a\n01\n01\n2\n3\nx\n")
    assert found.categorical == {"a"}
    assert found.categories["a"] == {"01": 2, "2": 1, "3": 1, "x": 1}


def test_kinds_may_be_forced(tmp_path):
    assert looked(tmp_path, "a\n1\n2\n", kinds={"a": "categorical"}).categories["a"] == {"1": 1, "2": 1}
    with pytest.raises(BadReference) as caught:
        looked(tmp_path, "a\n1\nx\n", kinds={"a": "numeric"})
    assert str(caught.value) == f"{tmp_path / '0.csv'}: 'a': expected numbers, got text"


def test_column_that_a_file_lacks(tmp_path):
    with pytest.raises(BadReference) as caught:
        looked(tmp_path, "a,b\n1,2\n", "a\n1\n")
    assert str(caught.value) == f"{tmp_path / '1.csv'}: expected a column 'b', got none"
    assert looked(tmp_path, "a,b\n1,2\n", "a\n1\n", columns=["a"]).names == ["a"]


def test_distinct_texts_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "DISTINCT_LIMIT", 3)
    monkeypatch.setattr(source, "BLOCK_ROWS", 2)
    found = looked(tmp_path, "a\n" + "".join(f"t{k}\nt0\n" for k in range(50)))
    assert len(found.categories["a"]) <= 4
    assert found.categories["a"]["t0"] == 51


def test_reservoir_keeps_all_rows_up_to_its_limit():
    reservoir = Reservoir(10)
    kept, slots = reservoir.place(7)
    assert (kept.tolist(), slots.tolist()) == (list(range(7)), list(range(7)))
    kept, slots = reservoir.place(5)
    assert kept[:3].tolist() == [0, 1, 2]
    assert slots[:3].tolist() == [7, 8, 9]


def test_every_row_is_equally_likely_to_be_kept(monkeypatch):
    hits = np.zeros(50)
    for seed in range(400):
        monkeypatch.setattr(survey, "SAMPLE_SEED", seed)
        reservoir = Reservoir(10)
        sample = np.full(10, -1)
        for start in range(0, 50, 5):
            kept, slots = reservoir.place(5)
            sample[slots] = start + kept
        hits[sample] += 1
    # 400 draws of 10 from 50: 80 expected each, sd 8; five sd
    assert np.abs(hits - 80).max() < 40
