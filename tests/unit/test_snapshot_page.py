"""What `sidecar snapshot show` says of what monitors tell beside their panes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidecar.cli import main
from sidecar.drift.detector import Detector
from sidecar.monitor.ledger import Ledger
from sidecar.profile.account import Account, Terms
from sidecar.profile.beside import Beside
from sidecar.profile.embedding import lay_out
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.fourier import FourierSums, build_fourier, pack_fourier
from sidecar.profile.history import NS, History, WindowPlan
from sidecar.profile.joint import JointFill, JointSums
from sidecar.profile.joint_reference import build_joint, pack_joint
from sidecar.profile.joint_window import ClosedJoint, JointPane
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.snapshot import Layout, Snapshot, subject_part
from sidecar.profile.snapshot_codec import encode
from sidecar.profile.space import Space
from tests.support.beside import quality

SPECS = [
    FeatureSpec("colour", "input", "categorical"),
    FeatureSpec("age", "input", "numeric"),
    FeatureSpec("height", "input", "numeric"),
]
PLAN = WindowPlan(60 * NS, (300 * NS,))
START = 1_700_000_040
VECTORS = lay_out(16, [("e", 0, 16)])


def rows_of(n: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.choice([1.0, 2.0], n), rng.normal(size=(n, 2))])


def beside(origin: int) -> Beside:
    """400 rows in which age and height, that did not, go together, and vectors that have not moved."""
    before = rows_of(2000, 1)
    joint = build_joint(learn_reference(SPECS, before, [("red", "blue"), (), ()]), before, 128)
    vectors = VECTORS.reduce(np.random.default_rng(2).normal(size=(1000, 16)))[1][0]
    embedding = build_fourier("e", 16, vectors.products, vectors.states)
    assert joint is not None
    assert embedding is not None
    after = rows_of(400, 10 + origin)
    after[:, 2] = after[:, 1]
    sums, fill = JointSums.empty(2), JointFill(joint.among([spec.name for spec in SPECS])[1])
    fill.add(after, sums)
    fill.flush(sums)
    now = VECTORS.reduce(np.random.default_rng(20 + origin).normal(size=(400, 16)))[1][0]
    means = FourierSums.empty()
    means.add(now.products, now.states, embedding.phases())
    pane = JointPane(START * NS, (START + 60) * NS, sums, (means,), 1, 1)
    space = Space.of(pack_joint(joint), [pack_fourier(embedding)])
    return Beside.of(ClosedJoint(space, (pane,)), [quality(START * NS, 3, width=3, messages=2)])


def alarm(features: Any, counts: Any) -> Account:
    """Of one pane of a minute."""
    terms = Terms.of(1000.0, 0.01, np.ones((3, 2)), None)
    ledger = Ledger(Detector(features, 1000.0, 0.01), 16, 1)
    ledger.add(1, START * NS, counts)
    return ledger.account(terms)


def told(origin: int, version: str = "1", *, moved: bool = False) -> bytes:
    features = learn_reference(SPECS, rows_of(2000, 1), [("red", "blue"), (), ()])
    table = lane_table(SPECS, features)
    history = History(PLAN, 3, table.lanes, 1)
    for _, _, pane in history.runs(np.full(400, START * NS)):
        pane.fill(table, rows_of(400, 10 + origin))
    history.advance((START + 60) * NS)
    list(history.close_due())
    layout = Layout.of(2000, features)
    counts = history.closed().granules[0][1][0].counts.astype(np.int64)
    if moved:
        counts[1, 4:] = np.roll(counts[1, 4:], 4)
    part = subject_part(
        "sha256:r", layout, f"pod{origin}", history.closed(), beside(origin), alarm(features, counts)
    )
    return encode(Snapshot({("m", version, "input"): part}))


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        (tmp_path / f"{number}").write_bytes(told(number))
    (tmp_path / "other").write_bytes(told(0, version="2"))
    assert main(["snapshot", "merge", "0", "1", "other", "-o", "fleet"]) == 0
    capsys.readouterr()


def shown(capsys: pytest.CaptureFixture[str], *flags: str) -> list[Any]:
    assert main(["snapshot", "show", "fleet", "--json", *flags]) == 0
    return list(json.loads(capsys.readouterr().out))


@pytest.mark.usefixtures("fleet")
class TestWhatIsToldBesidePanes:
    def test_is_judged(self, capsys: pytest.CaptureFixture[str]) -> None:
        document = shown(capsys)[0]
        (joint,) = document["multivariate"]
        assert (joint["origins"], joint["rows"]) == (["pod0", "pod1"], 800)
        assert joint["correlation"]["pair"] == ["age", "height"]
        assert joint["correlation"]["beyond_limit"]
        assert [(entry["rows"], entry["beyond_limit"]) for entry in joint["embeddings"]] == [(800, False)]
        found = document["quality"]
        assert found["rows"] == 6
        assert {entry["rate"]: entry["trials"] for entry in found["rates"]} == {
            "duplicate_rows": 0,
            "shape": 4,
        }
        assert [(entry["state"], entry["log_e"]) for entry in found["rates"]] == [(None, None), (None, None)]
        assert "since_unix_s" not in found["rates"][0]
        assert found["unseen"]["colour"]["unseen"] == [{"category": "new", "count": 6, "error": 0}]

    def test_is_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["snapshot", "show", "fleet"]) == 0
        alarm, *lines = capsys.readouterr().out.splitlines()[6:12]
        assert alarm.startswith("alarm: none, most against ")
        assert alarm.endswith(" of 8.0, 2 monitors")
        assert lines[0].startswith("correlation of age, height: ")
        assert ", beyond the limit " in lines[0]
        assert lines[0].endswith(" 800 rows")
        assert lines[1].startswith("reconstruction: z ")
        assert lines[2].startswith("embedding e: mmd2 ")
        assert ", within the limit " in lines[2]
        assert lines[3:] == ["about 3 different of 6 rows", "about 3 unseen colour: 'new' 6"]

    def test_of_the_alarm_is_judged_as_of_one_monitor(self, capsys: pytest.CaptureFixture[str]) -> None:
        (found,) = shown(capsys)[0]["alarms"]
        assert (found["origins"], found["added_after_unix_s"]) == (["pod0", "pod1"], None)
        assert found["log_e_threshold"] == pytest.approx(np.log(3 * 1000.0))
        assert [(entry["name"], entry["state"]) for entry in found["features"]] == [
            ("colour", "ok"),
            ("age", "ok"),
            ("height", "ok"),
        ]
        assert found["features"][0]["moved"] is None
        assert found["features"][0]["log_e"] < 2.0

    def test_of_the_alarm_says_what_moved(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "fleet").write_bytes(told(0, moved=True))
        entry = shown(capsys)[0]["alarms"][0]["features"][1]
        assert (entry["name"], entry["state"], entry["since_unix_s"]) == ("age", "drift", START)
        assert entry["moved"]["direction"] == "up"
        assert main(["snapshot", "show", "fleet"]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("alarm: ")]
        assert line.startswith(f"alarm: age {entry['moved']['at']} up since 2023-11-14T22:14:00Z, ln e ")

    def test_is_not_judged_by_the_reference_where_another_version_is_asked_for(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (document,) = shown(capsys, "--against", "1")
        assert document["version"] == "2"
        assert (document["multivariate"], document["alarms"]) == ([], [])
        assert document["quality"]["rows"] == 3
