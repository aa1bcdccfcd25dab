from __future__ import annotations

from sidecar.compare.document_meter import MOST_PLACES, OTHER, PATH_LIMIT, DocumentMeter
from sidecar.compare.documents import DocumentRules


def test_paths_that_differ_in_most_documents_come_first():
    meter = DocumentMeter(DocumentRules(ignored=("id",)))
    primary = {"id": 1, "rows": [{"label": "a", "score": 1}, {"label": "b", "score": 2}]}
    assert not meter.add(primary, {**primary, "id": 2})
    assert meter.add(primary, {"id": 1, "rows": [{"label": "x", "score": 1}, {"label": "y", "score": 2}]})
    assert meter.add(primary, {"id": 1, "rows": [{"label": "x", "score": 9}, {"label": "b", "score": 2}]})
    assert meter.to_json() == {
        "documents": 3,
        "same": 1 / 3,
        "paths": [
            {"path": "rows[*].label", "reason": "value", "documents": 2},
            {"path": "rows[*].score", "reason": "value", "documents": 1},
        ],
    }


def test_paths_are_bounded_and_none_is_lost():
    meter = DocumentMeter(DocumentRules())
    for number in range(2 * MOST_PLACES):
        meter.add({f"key {number}": 1}, {})
    paths = meter.to_json()["paths"]
    assert len(paths) == MOST_PLACES + 1
    assert sum(place["documents"] for place in paths) == 2 * MOST_PLACES


def test_before_the_first_document():
    assert DocumentMeter(DocumentRules()).to_json() == {"documents": 0, "same": None, "paths": []}


def test_what_is_kept_of_a_path_is_bounded():
    meter = DocumentMeter(DocumentRules())
    meter.add({"k" * 100_000: 1}, {})
    assert [len(place["path"]) for place in meter.to_json()["paths"]] == [PATH_LIMIT]


def test_a_document_counts_once_among_the_further_paths():
    meter = DocumentMeter(DocumentRules())
    for number in range(MOST_PLACES):
        meter.add({f"key {number}": 1}, {})
    meter.add({"one": 1, "two": 2}, {})
    assert {"path": OTHER, "reason": "missing", "documents": 1} in meter.to_json()["paths"]
