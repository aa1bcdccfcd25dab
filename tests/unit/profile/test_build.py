from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
import pytest

from sidecar.errors import BadReference
from sidecar.profile.build import build_partial, build_reference
from sidecar.profile.plan import Plan
from sidecar.profile.source import Piece
from tests.support.tables import make_rows, write_csv, write_json_lines

ROWS = make_rows(3000)
AGES = np.array([np.nan if row["age"] is None else row["age"] for row in ROWS])
CITIES = np.array([row["city"] for row in ROWS])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables")
    write_json_lines(path / "a.jsonl", ROWS)
    write_csv(path / "a.csv", ROWS)
    write_csv(path / "b1.csv", ROWS[:1000])
    write_csv(path / "b2.csv", ROWS[1000:])
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), path / "a.parquet")
    return path


def built(folder, *names, progress=None, **plan):
    paths = [folder / name for name in names]
    return build_reference(paths, Plan(**plan), created_unix_s=1.0, progress=progress)


def test_counts_are_exact(folder):
    reference = built(folder, "a.csv", prediction="score", label="late", time="when")
    assert reference.rows == 3000
    assert [(f.spec.name, f.spec.role, f.spec.kind) for f in reference.features] == [
        ("age", "input", "numeric"),
        ("city", "input", "categorical"),
        ("score", "output", "numeric"),
    ]
    age, city, score = reference.features
    present = AGES[~np.isnan(AGES)]
    cells = np.bincount(np.searchsorted(age.edges, present, side="right"), minlength=age.edges.size + 1)
    assert age.cells.tolist() == cells.tolist()
    assert age.counts[0] == np.isnan(AGES).sum()
    assert age.extremes.tolist() == [present.min(), present.max()]
    assert city.categories == ("Oslo", "Rom", "Bern")
    assert city.cells.tolist() == [0, *((text == CITIES).sum() for text in city.categories)]
    assert score.rows == 3000


@pytest.mark.parametrize("names", [["a.jsonl"], ["a.parquet"], ["b1.csv", "b2.csv"], ["b2.csv", "b1.csv"]])
def test_the_same_rows_give_the_same_reference(folder, names):
    plan = {"score": "score", "label": "late", "time": "when", "segment": "city", "hour_of_week": True}
    assert built(folder, *names, **plan).id == built(folder, "a.csv", **plan).id


def test_columns_are_chosen(folder):
    reference = built(folder, "a.csv", columns=("city",), prediction="score")
    assert [(f.spec.name, f.spec.role) for f in reference.features] == [
        ("city", "input"),
        ("score", "output"),
    ]


def test_progress_ends_at_the_last_row(folder):
    told = []
    built(folder, "b1.csv", "b2.csv", progress=lambda share, rows: told.append((share, rows)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[-1] == (1.0, 3000)


def test_provenance(folder):
    reference = built(folder, "b2.csv", "b1.csv", prediction="score", label="late")
    provenance = dict(reference.provenance)
    sources = json.loads(provenance.pop("sources"))
    assert provenance == {"files": "b2.csv, b1.csv", "prediction": "score", "label": "late"}
    assert [(source["name"], source["rows"]) for source in sources] == [("b2.csv", 2000), ("b1.csv", 1000)]
    data = (folder / "b1.csv").read_bytes()
    assert sources[1]["sha256"] == hashlib.sha256(data).hexdigest()
    assert sources[1]["size_bytes"] == len(data)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"columns": ("nope",)}, "a.csv: expected a column 'nope', got none"),
        ({"prediction": "nope"}, "a.csv: expected a column 'nope', got none"),
        ({"label": "nope"}, "a.csv: expected a column 'nope', got none"),
        ({"hour_of_week": True}, "--hour-of-week: expected --time as well, got none"),
    ],
)
def test_what_cannot_be_had(folder, plan, message):
    with pytest.raises(BadReference) as caught:
        built(folder, "a.csv", **plan)
    assert str(caught.value) == message


def test_faults_name_the_file(folder, tmp_path):
    path = tmp_path / "gone.csv"
    with pytest.raises(BadReference) as caught:
        built(tmp_path, "gone.csv")
    assert str(caught.value) == f"{path}: expected a readable file, got No such file or directory"
    with pytest.raises(BadReference) as caught:
        built(folder, "a.csv", numeric=("city",))
    assert str(caught.value) == f"{folder / 'a.csv'}: 'city': expected numbers, got text"


def test_pieces_of_a_file_are_told_apart(folder):
    parquet.write_table(parquet.read_table(folder / "a.parquet"), folder / "c.parquet", row_group_size=700)
    pieces = [Piece(folder / "c.parquet", groups) for groups in ((2, 5), (0, 2))]
    together = build_partial(pieces, Plan())
    assert [(source.first_row, source.rows) for source in together.sources] == [(1400, 1600), (0, 1400)]
    assert (
        together.to_state()["sample"]
        == build_partial([Piece(folder / "c.parquet")], Plan()).to_state()["sample"]
    )
