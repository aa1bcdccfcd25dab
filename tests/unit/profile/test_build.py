from __future__ import annotations

import json

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import source, survey
from sidecar.profile.build import build_reference

RNG = np.random.default_rng(11)
ROWS = 3000
AGE = np.round(RNG.normal(40, 12, size=ROWS), 1)
CITY = RNG.choice(["Oslo", "Rom", "Bern"], p=[0.6, 0.3, 0.1], size=ROWS)
SCORE = RNG.random(size=ROWS)
GAP = RNG.random(size=ROWS) < 0.05


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables")
    rows = [
        {
            "age": None if gap else float(age),
            "city": str(city),
            "score": float(score),
            "late": int(score > 0.5),
        }
        for age, city, score, gap in zip(AGE, CITY, SCORE, GAP, strict=True)
    ]
    (path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    (path / "a.csv").write_text("age,city,score,late\n" + "\n".join(lines) + "\n")
    (path / "b1.csv").write_text("age,city,score,late\n" + "\n".join(lines[:1000]) + "\n")
    (path / "b2.csv").write_text("age,city,score,late\n" + "\n".join(lines[1000:]) + "\n")
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path / "a.parquet")
    return path


def built(folder, *names, **options):
    return build_reference([folder / name for name in names], created_unix_s=1.0, **options)


def test_counts_are_exact(folder):
    reference = built(folder, "a.csv", prediction="score", label="late")
    assert reference.rows == ROWS
    assert [(f.spec.name, f.spec.role, f.spec.kind) for f in reference.features] == [
        ("age", "input", "numeric"),
        ("city", "input", "categorical"),
        ("score", "output", "numeric"),
    ]
    age, city, score = reference.features
    present = AGE[~GAP]
    cells = np.bincount(np.searchsorted(age.edges, present, side="right"), minlength=age.edges.size + 1)
    assert age.cells.tolist() == cells.tolist()
    assert age.counts[0] == GAP.sum()
    assert city.categories == ("Oslo", "Rom", "Bern")
    assert city.cells.tolist() == [0, *((text == CITY).sum() for text in city.categories)]
    assert score.rows == ROWS
    assert dict(reference.provenance) == {"files": "a.csv", "prediction": "score", "label": "late"}


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_the_same_rows_give_the_same_reference(folder, name):
    assert built(folder, name).id == built(folder, "a.csv").id


def test_several_files_are_one_table(folder):
    whole, parts = built(folder, "a.csv"), built(folder, "b1.csv", "b2.csv")
    for one, other in zip(whole.features, parts.features, strict=True):
        assert one.counts.tolist() == other.counts.tolist()
        assert one.sums.tolist() == other.sums.tolist()


def test_counts_stay_exact_when_the_edges_come_from_a_sample(folder, monkeypatch):
    monkeypatch.setattr(source, "BLOCK_ROWS", 100)
    monkeypatch.setattr(survey, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(survey, "SAMPLE_VALUES", 800)
    score = built(folder, "a.csv", columns=["score"]).features[0]
    cells = np.bincount(np.searchsorted(score.edges, SCORE, side="right"), minlength=score.edges.size + 1)
    assert score.cells.tolist() == cells.tolist()
    assert score.edges[11] == pytest.approx(0.5, abs=0.15)  # from 200 rows: sd 0.035


def test_columns_are_chosen(folder):
    reference = built(folder, "a.csv", columns=["city"], prediction="score")
    assert [(f.spec.name, f.spec.role) for f in reference.features] == [
        ("city", "input"),
        ("score", "output"),
    ]


def test_progress_ends_at_the_last_row(folder):
    told = []
    built(folder, "a.csv", progress=lambda share, rows: told.append((share, rows)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[-1] == (1.0, ROWS)


def test_rare_categories_are_other(tmp_path):
    (tmp_path / "a.csv").write_text("t\n" + "".join(f"c{k % 80:02d}\n" for k in range(800)) + "c00\n")
    (feature,) = built(tmp_path, "a.csv").features
    assert len(feature.categories) == 64
    assert feature.categories[:3] == ("c00", "c01", "c02")
    assert feature.cells[0] == 160


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["nope"]}, "a.csv: expected a column 'nope', got none"),
        ({"prediction": "nope"}, "a.csv: expected a column 'nope', got none"),
        ({"label": "nope"}, "a.csv: expected a column 'nope', got none"),
    ],
)
def test_column_that_is_not_there(folder, options, message):
    with pytest.raises(BadReference) as caught:
        built(folder, "a.csv", **options)
    assert str(caught.value) == f"{folder}/{message}"


def test_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(BadReference) as caught:
        built(tmp_path, "a.csv")
    assert str(caught.value) == f"{tmp_path}/a.csv: expected at least one row, got none"
