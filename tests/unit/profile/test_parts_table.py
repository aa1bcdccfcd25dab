from __future__ import annotations

import json
import re

import pytest

from sidecar.errors import BadReference
from sidecar.profile.codec import seal
from sidecar.profile.parts_table import part_lines, parts_json, sources_json
from sidecar.profile.plan import Plan
from tests.support.tables import make_rows, reference_of, write_csv

PLAN = Plan(
    time="when", hour_of_week=True, segment="city", score="score", label="late", columns=("age", "city")
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return reference_of(PLAN, write_csv(tmp_path_factory.mktemp("rows") / "a.csv", make_rows(3000)))


def with_part(name, part, **provenance):
    return seal(1, [], created_unix_s=0.0, provenance=provenance, parts={name: part})


def test_a_line_a_part_and_a_file(reference):
    lines = dict(line.split(": ", 1) for line in part_lines(reference))
    assert lines["part schema"] == "5 columns; 3,000 of 3,000 rows sampled"
    assert lines["part hour_of_week"] == "50 of 168 hours seen"
    assert lines["part segments"].startswith("city=Oslo 1,")
    assert re.fullmatch(
        r"score against late=1, 3,000 rows, \d+\.\d\d%, off by 0\.\d{3} on average",
        lines["part score_calibration"],
    )
    assert lines["part design_effects"].startswith("94 panes of 1920 s: age ")
    assert lines["file a.csv"].startswith("size_bytes ")


def test_json_holds_all_of_it(reference):
    told = json.loads(json.dumps(parts_json(reference)))
    assert set(told) == set(reference.parts)
    assert sum(told["hour_of_week"]["rows"]) == 3000
    assert sum(told["segments"]["rows"].values()) == 3000
    assert len(told["score_calibration"]["rates"]) == 256
    assert set(told["design_effects"]["effects"]) == {"age", "city", "score"}


def test_texts_and_arrays_by_name(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"t": "long " * 50, "e": [1, 2]}) + "\n")
    lines = part_lines(reference_of(Plan(), path))
    assert "part texts: t" in lines
    assert "part embeddings: e" in lines


def test_parts_of_other_rooms_are_counted_in_bytes():
    assert parts_json(with_part("joint_input", b"1234567")) == {"joint_input": {"bytes": 7}}
    assert part_lines(with_part("joint_input", b"1234567")) == ["part joint_input: 7 bytes"]


def test_a_damaged_part_is_said():
    with pytest.raises(BadReference) as caught:
        parts_json(with_part("segments", b"\x80"))
    assert str(caught.value) == "segments: expected its fields, got KeyError('format')"


@pytest.mark.parametrize("sources", ["{", "3", "[1]"])
def test_sources_that_cannot_be_read(sources):
    assert sources_json(with_part("x", b"", sources=sources)) == []
