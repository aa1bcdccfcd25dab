from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidecar.cli import main
from sidecar.profile.codec import save, seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.history import NS, History, WindowPlan
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.snapshot import Layout, Snapshot, subject_part
from sidecar.profile.snapshot_codec import encode

SPECS = [FeatureSpec("age", "input", "numeric"), FeatureSpec("colour", "input", "categorical")]
RNG = np.random.default_rng(1)
PLAN = WindowPlan(60 * NS, (300 * NS, 3600 * NS))
START = 1_700_000_040


def rows_of(n: int, shift: float = 0.0) -> Any:
    return np.column_stack([RNG.normal(shift, 1.0, n), RNG.choice([1.0, 2.0], n)])


FEATURES = learn_reference(SPECS, rows_of(5000), [(), ("red", "blue")])
REFERENCE = seal(5000, FEATURES, created_unix_s=1.0, provenance={"files": "a.csv"})


def told(
    origin: str, shift: float, *, panes: int = 7, reference: str = REFERENCE.id, version: str = "1"
) -> bytes:
    table = lane_table(SPECS, FEATURES)
    history = History(PLAN, 2, table.lanes, 1)
    for minute in range(panes):
        for start, stop, pane in history.runs(np.full(400, (START + 60 * minute) * NS)):
            pane.fill(table, rows_of(stop - start, shift))
            list(history.close_due())
    part = subject_part(reference, Layout.of(5000, FEATURES), origin, history.closed())
    return encode(Snapshot({("m", version, "input"): part}))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(told("pod-a", 0.0))
    (tmp_path / "b").write_bytes(told("pod-b", 2.0))
    save(REFERENCE, tmp_path / "ref")
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *flags: str) -> Any:
    assert main(["snapshot", "show", "fleet", "--json", *flags]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_fleet_is_merged_in_any_order_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "merge", "a", "b", "-o", "fleet"]) == 0
    assert capsys.readouterr().out == "fleet: 1 subjects, 2 origins, 22 granules\n"
    first = (folder / "fleet").read_bytes()
    assert main(["snapshot", "merge", "b", "a", "fleet", "b", "-o", "fleet"]) == 0
    assert (folder / "fleet").read_bytes() == first
    capsys.readouterr()
    ((document),) = shown(capsys)
    assert document["origins"] == ["pod-a", "pod-b"]
    assert document["horizon_s"] == 300
    assert document["window"] == {"start_unix_s": START + 60, "end_unix_s": START + 360, "rows": 4000}
    assert [(entry["name"], entry["state"]) for entry in document["features"]] == [
        ("age", "drift"),
        ("colour", "ok"),
    ]
    assert document["features"][0]["rows"] == [5000, 4000]


def test_another_horizon_can_be_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "fleet").write_bytes(told("pod-a", 0.0))
    (document,) = shown(capsys, "--horizon", "3600")
    assert document["window"]["rows"] == 2400


@pytest.mark.parametrize("horizon", ["60", "nan", "inf"])
def test_a_horizon_that_is_not_held_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], horizon: str
) -> None:
    (folder / "fleet").write_bytes(told("pod-a", 0.0))
    assert main(["snapshot", "show", "fleet", "--horizon", horizon]) == 2
    assert capsys.readouterr().err == (
        f"sidecar: fleet: 'm' version '1' input: expected a horizon of 300, 3600 s, got {horizon}\n"
    )


def test_the_table_names_the_fleet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "fleet").write_bytes(told("pod-b", 2.0))
    assert main(["snapshot", "show", "fleet", "--reference", "ref"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "m version 1 input: 2,000 rows of 1 origins"
    assert lines[1] == f"2023-11-14T22:15:00Z to 2023-11-14T22:20:00Z, reference {REFERENCE.id}"
    assert lines[2].split()[:3] == ["feature", "kind", "state"]
    assert lines[3].split()[:3] == ["age", "numeric", "drift"]


def test_a_version_can_be_judged_by_what_another_has_seen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, version, shift in (("a", "1", 2.0), ("b", "2", 2.0), ("c", "3", 0.0)):
        (folder / name).write_bytes(told("pod", shift, version=version))
    assert main(["snapshot", "merge", "a", "b", "c", "-o", "fleet"]) == 0
    capsys.readouterr()
    found = {document["version"]: document for document in shown(capsys, "--against", "1")}
    assert sorted(found) == ["2", "3"]  # version 2 drifts from the reference as version 1 does
    assert [entry["state"] for entry in found["2"]["features"]] == ["ok", "ok"]
    assert [entry["state"] for entry in found["3"]["features"]] == ["drift", "ok"]
    assert found["3"]["features"][0]["moved"]["direction"] == "down"
    assert main(["snapshot", "show", "fleet", "--against", "9"]) == 2
    assert capsys.readouterr().err == "sidecar: fleet: expected 'm' version '9' input in it, got none\n"


def test_a_snapshot_in_which_nothing_has_closed_yet_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fleet").write_bytes(told("pod-b", 2.0, panes=1))
    (document,) = shown(capsys)
    assert document["window"] == {"start_unix_s": None, "end_unix_s": None, "rows": 0}
    assert main(["snapshot", "show", "fleet"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["merge", "a", "none", "-o", "x"], "none: expected a readable file, got No such file or directory"),
        (["merge", "a", "-o", "no/x"], "no/x: expected a writable file, got No such file or directory"),
        (["merge", "a", "ref", "-o", "x"], "ref: expected a sidecar snapshot, got a reference"),
        (["show", "empty"], "empty: expected a sidecar snapshot, got an empty file"),
        (
            ["merge", "a", "other", "-o", "x"],
            f"other: 'm' version '1' input: expected reference {REFERENCE.id}, got sha256:q",
        ),
        (
            ["show", "other", "--reference", "ref"],
            f"ref: expected reference sha256:q of 'm' version '1' input, got {REFERENCE.id}",
        ),
        (["show", "a", "--reference", "a"], "a: expected a sidecar reference, got a snapshot"),
    ],
)
def test_what_cannot_be_used_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (folder / "empty").write_bytes(b"")
    (folder / "other").write_bytes(told("pod-c", 0.0, reference="sha256:q"))
    assert main(["snapshot", *arguments]) == 2
    assert capsys.readouterr().err == f"sidecar: {message}\n"
    assert not list(folder.glob(".*"))
