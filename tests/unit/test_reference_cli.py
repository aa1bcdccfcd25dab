from __future__ import annotations

import json

import pytest

from sidecar.cli import main
from sidecar.profile import codec
from tests.support.tables import make_rows, write_csv

ROLES = ["--score", "score", "--label", "late", "--time", "when", "--hour-of-week", "--segment", "city"]


@pytest.fixture
def files(tmp_path):
    rows = make_rows(600)
    return [str(write_csv(tmp_path / f"{k}.csv", rows[k * 200 : k * 200 + 200])) for k in range(3)]


def run(capsys, *arguments):
    code = main(["reference", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_build_says_what_it_made(files, tmp_path, capsys):
    output = str(tmp_path / "r")
    code, out, _ = run(
        capsys, "build", *files, "-o", output, "--columns", "age,city", "--prediction", "score"
    )
    assert code == 0
    assert out == f"{output}: 600 rows, 3 features, {codec.load(output).id}\n"


def test_partial_references_merge_to_the_same(files, tmp_path, capsys):
    whole, merged = str(tmp_path / "r"), str(tmp_path / "m")
    run(capsys, "build", *files, "-o", whole, *ROLES)
    parts = [str(tmp_path / f"{k}.part") for k in range(3)]
    for file, part in zip(files, parts, strict=True):
        code, out, _ = run(capsys, "build", file, "-o", part, *ROLES, "--partial")
        assert (code, out) == (0, f"{part}: 200 rows, 5 columns, a partial reference\n")
    both = str(tmp_path / "both.part")
    assert run(capsys, "merge", parts[2], parts[0], "-o", both, "--partial")[0] == 0
    assert run(capsys, "merge", both, parts[1], "-o", merged)[0] == 0
    assert codec.load(merged).id == codec.load(whole).id


def test_show_and_diff(files, tmp_path, capsys):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    run(capsys, "build", files[0], files[1], "-o", one, *ROLES)
    run(capsys, "build", files[2], "-o", two, *ROLES)
    code, out, _ = run(capsys, "show", one)
    assert code == 0
    assert "part segments: city=Oslo" in out
    assert "file 1.csv: size_bytes" in out
    _, out, _ = run(capsys, "show", one, "--json")
    assert set(json.loads(out)["parts"]) >= {"schema", "hour_of_week", "segments", "score_calibration"}
    assert [source["name"] for source in json.loads(out)["provenance"]["sources"]] == ["0.csv", "1.csv"]
    code, out, _ = run(capsys, "diff", one, two, "--json")
    assert code == 0
    assert [entry["name"] for entry in json.loads(out)] == ["age", "city", "score"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["build", "{0}", "{0}", "-o", "{out}"],
            "merge: expected other rows, got rows 0 to 199 of 0.csv twice",
        ),
        (
            ["build", "{0}", "-o", "{out}", "--hour-of-week"],
            "--hour-of-week: expected --time as well, got none",
        ),
        (["build", "{0}", "-o", "{out}", "--columns", "x"], "0.csv: expected a column 'x', got none"),
        (["merge", "{0}", "-o", "{out}"], "{0}: expected a sidecar partial reference, got other data"),
        (["show", "{0}"], "{0}: expected a sidecar reference, got other data"),
    ],
)
def test_faults(files, tmp_path, capsys, arguments, message):
    names = {"out": str(tmp_path / "r")}
    code, _, err = run(capsys, *(argument.format(*files, **names) for argument in arguments))
    assert (code, err) == (2, f"sidecar: {message.format(*files)}\n")
