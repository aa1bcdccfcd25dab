from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import partial
from sidecar.profile.edges import SHARES
from sidecar.profile.plan import Plan
from sidecar.profile.summaries import EMBEDDINGS, SCHEMA, TEXTS, unpack_summary
from tests.support.tables import make_rows, reference_of, write_csv, write_json_lines


def part(reference, name):
    return unpack_summary(reference.parts[name], name)


def test_schema(tmp_path):
    rows = make_rows(500)
    plan = Plan(prediction="score", label="late", time="when")
    schema = part(reference_of(plan, write_csv(tmp_path / "a.csv", rows)), SCHEMA)
    assert (schema["rows"], schema["sample_rows"]) == (500, 500)
    columns = {column["name"]: column for column in schema["columns"]}
    assert {name: column["role"] for name, column in columns.items()} == {
        "age": "input",
        "city": "input",
        "score": "output",
        "late": "label",
        "when": "time",
    }
    ages = [row["age"] for row in rows if row["age"] is not None]
    assert columns["age"] == {
        "name": "age",
        "role": "input",
        "kind": "numeric",
        "present": len(ages),
        "missing": 500 - len(ages),
        "pos_inf": 0,
        "neg_inf": 0,
        "min": min(ages),
        "max": max(ages),
        "distinct": len(set(ages)),
        "distinct_exact": True,
        "counted_rows": 500,
    }
    assert (columns["city"]["kind"], columns["city"]["distinct"], columns["city"]["min"]) == (
        "categorical",
        3,
        None,
    )
    assert columns["late"]["counted_rows"] == 0


def test_many_different_values_are_estimated(tmp_path, monkeypatch):
    monkeypatch.setattr(partial, "SAMPLE_ROWS", 100)
    monkeypatch.setattr(partial, "SAMPLE_VALUES", 100)
    monkeypatch.setattr(partial, "DISTINCT_LIMITS", (10, 1000))
    path = write_csv(tmp_path / "a.csv", [{"n": number, "few": number % 7} for number in range(5000)])
    n, few = part(reference_of(Plan(), path), SCHEMA)["columns"]
    assert not n["distinct_exact"]
    assert n["distinct"] == pytest.approx(5000, rel=0.15)  # sd 3.2 %
    assert (few["distinct"], few["distinct_exact"]) == (7, True)
    assert (n["present"], n["counted_rows"]) == (5000, 100)


def test_free_text(tmp_path):
    rows = [{"t": f"sentence number {k} " + "y" * 60} for k in range(30)] + [{"t": None}, {"t": ""}]
    (column,) = part(reference_of(Plan(), write_json_lines(tmp_path / "a.jsonl", rows)), TEXTS)[
        "columns"
    ].values()
    assert (column["present"], column["missing"], column["empty"], column["distinct"]) == (31, 1, 1, 31)
    assert column["lengths"][7] == 30  # 64 to 127 characters
    letters, digits, spaces, signs, beyond = column["characters"]
    assert (letters, digits, spaces, signs, beyond) == (30 * 74, 50, 90, 0, 0)


def test_so_many_texts_that_the_commonest_say_nothing(tmp_path):
    few = [{"t": f"t{k % 1000}"} for k in range(3000)]
    many = [{"t": f"t{k % 1100}"} for k in range(3300)]
    mostly = [{"t": f"t{k}"} for k in range(1100)] + [{"t": "x"}] * 1300
    for name, rows, expected in (("few", few, False), ("many", many, True), ("mostly", mostly, False)):
        reference = reference_of(Plan(), write_csv(tmp_path / f"{name}.csv", rows))
        assert (TEXTS in reference.parts) is expected
        assert (reference.features[0].categories == ()) is expected


def test_arrays(tmp_path):
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(400, 8))
    rows = [{"e": vector.tolist(), "n": 1} for vector in vectors] + [
        {"e": None, "n": 1},
        {"e": [1.0], "n": 1},
    ]
    reference = reference_of(Plan(), write_json_lines(tmp_path / "a.jsonl", rows))
    (column,) = part(reference, EMBEDDINGS)["columns"].values()
    assert column["dimensions"] == [[1, 1], [8, 400]]
    assert (column["missing"], column["sample_rows"]) == (1, 401)
    norms = np.append(np.linalg.norm(vectors, axis=1), 1.0)
    assert column["norms"] == pytest.approx(np.quantile(norms, SHARES, method="inverted_cdf"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (msgspec.msgpack.encode({"format": 3}), "schema: expected format 1, got 3"),
        (msgspec.msgpack.encode({}), "schema: expected its fields, got KeyError('format')"),
    ],
)
def test_damage(data, message):
    with pytest.raises(BadReference) as caught:
        unpack_summary(data, SCHEMA)
    assert str(caught.value) == message
