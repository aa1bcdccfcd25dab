"""Traffic is recorded beside its shadows, and judged again from the segments alone, or with a candidate."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sidecar.recording.reader import Recording
from sidecar.recording.records import Exchange
from tests.e2e.test_shadow import ask, model, shadow_of
from tests.support.lifecycle import settings
from tests.support.running import PATIENCE_S, ROOT, Sidecar, eventually

N = 400


@dataclass
class Recorded:
    """What a sidecar with two shadows left behind.

    Args:
        folder: of the segments.
        config: its settings.
        live: what it said of each shadow at the end.
        metrics: likewise.
    """

    folder: Path
    config: Path
    live: dict[str, dict[str, Any]]
    metrics: str


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    tmp_path = tmp_path_factory.mktemp("replay")
    folder = tmp_path / "recording"
    with model(2.0) as primary, model(2.0) as good, model(-2.0) as lying:
        generous = {"most_per_s": 1e6, "concurrency": 1000, "noise_ratio": 1.0}
        config = settings(
            tmp_path,
            shadows=[
                {"name": "good", "url": good, **generous, "margins": {"disagreement": 0.1}},
                {"name": "lying", "url": lying, **generous},
            ],
            recording={"path": str(folder), "segment_bytes": 20_000},
        )
        with Sidecar(primary, "--config", str(config)) as running:
            running.monitored()
            ask(running, N)
            for name in ("good", "lying"):
                eventually(lambda name=name: settled(shadow_of(running, name)))
            live = {name: shadow_of(running, name) for name in ("good", "lying")}  # with the last pair in all
            eventually(lambda: recorded_records(running.metrics()) == 5 * N)
            metrics = running.metrics()
    return Recorded(folder, config, live, metrics)


def settled(entry: dict[str, Any]) -> dict[str, Any] | None:
    return entry if entry["compared"] == N == entry["disagreement"]["noise_pairs"] else None


def recorded_records(metrics: str) -> int:
    (line,) = [line for line in metrics.splitlines() if line.startswith("sidecar_recording_records_total")]
    return int(float(line.rsplit(" ", 1)[1]))


def replay(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sidecar", "replay", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False
    )


class TestRecording:
    def test_exchanges_and_answers_are_all_there_and_counted(self, recorded: Recorded) -> None:
        assert "sidecar_recording_lost" not in recorded.metrics
        assert len(list(recorded.folder.glob("*.rec.gz"))) > 1
        assert not list(recorded.folder.glob("*.part"))


class TestKilled:
    """`kill -9` of the monitor, which writes the segments."""

    def test_costs_no_record_that_was_flushed_and_the_next_monitor_records_on(self, tmp_path: Path) -> None:
        folder = tmp_path / "recording"
        config = settings(tmp_path, recording={"path": str(folder), "flush_s": 0.1})
        with model(2.0) as primary, Sidecar(primary, "--config", str(config)) as running:
            running.monitored()
            ask(running, 50)
            eventually(lambda: recorded_records(running.metrics()) == 50)
            before = running.pid("monitor")
            os.kill(before, signal.SIGKILL)
            eventually(lambda: running.pid("monitor") != before)
            running.monitored(2)
            ask(running, 50)
            eventually(lambda: recorded_records(running.metrics()) == 50)
        recording = Recording([folder])
        records = [record for record in recording if isinstance(record, Exchange)]
        found = [json.loads(record.body)["inputs"][0]["data"][0] for record in records]
        assert found == [float(number) for number in range(50)] * 2
        assert (recording.damages, len(recording.segments)) == ([], 2)


class TestJudgedAgain:
    """Without `--to`: nothing is sent."""

    @pytest.mark.parametrize("name", ["good", "lying"])
    def test_the_numbers_are_those_of_the_live_shadow(
        self, recorded: Recorded, tmp_path: Path, name: str
    ) -> None:
        report = tmp_path / "report.json"
        run = replay(recorded.folder, "--shadow", name, "--config", recorded.config, "--report", report)
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(f"{name}: {recorded.live[name]['verdict']} (400 answers compared)\n")
        found, live = json.loads(report.read_text()), recorded.live[name]
        compared = (found.keys() & live.keys()) - {"skipped"}
        assert compared >= {
            "verdict",
            "findings",
            "disagreement",
            "latency",
            "fields",
            "segments",
            "exemplars",
        }
        assert {key: found[key] for key in compared} == {key: live[key] for key in compared}
        assert found["recording"]["exchanges"] == N

    def test_the_report_is_the_same_byte_for_byte(self, recorded: Recorded, tmp_path: Path) -> None:
        reports = [tmp_path / "1.json", tmp_path / "2.json"]
        pages = [tmp_path / "1.html", tmp_path / "2.html"]
        for report, page in zip(reports, pages, strict=True):
            options = ("--shadow", "lying", "--report", report, "--html", page)
            assert replay(recorded.folder, *options).returncode == 0
        assert reports[0].read_bytes() == reports[1].read_bytes()
        assert pages[0].read_bytes() == pages[1].read_bytes()

    def test_other_settings_give_another_verdict_of_the_same_traffic(
        self, recorded: Recorded, tmp_path: Path
    ) -> None:
        lenient = settings(
            tmp_path,
            shadows=[
                {
                    "name": "lying",
                    "url": "http://127.0.0.1:1",
                    "fields": [{"name": "y", "absolute": 1e9}],
                    "margins": {"disagreement": 0.1},
                }
            ],
        )
        run = replay(recorded.folder, "--shadow", "lying", "--config", lenient, "--json")
        findings = {each["name"]: each["state"] for each in json.loads(run.stdout)["findings"]}
        assert findings["agreement"] == "equivalent"

    def test_pipelines_ask_by_exit_code(self, recorded: Recorded) -> None:
        assert replay(recorded.folder, "--shadow", "lying", "--require", "equivalent").returncode == 1

    def test_whose_answers_must_be_said_where_there_are_several(self, recorded: Recorded) -> None:
        run = replay(recorded.folder)
        assert (run.returncode, run.stderr.count("good, lying")) == (2, 1)
        unknown = replay(recorded.folder, "--shadow", "nobody")
        assert (unknown.returncode, unknown.stderr) == (
            2,
            "sidecar: nobody: expected a shadow whose answers were recorded (good, lying), got another\n",
        )


class TestSent:
    """With `--to`: the candidate answers now."""

    def test_a_lying_candidate_is_worse_and_the_report_the_same_each_time(
        self, recorded: Recorded, tmp_path: Path
    ) -> None:
        reports = []
        with model(-2.0) as candidate:
            for name in ("1.json", "2.json"):
                options = ("--to", candidate, "--speed", "max", "--report", tmp_path / name)
                run = replay(recorded.folder, *options, "--require", "equivalent")
                assert run.returncode == 1, run.stderr
                assert run.stdout.startswith("candidate: worse (400 answers compared)\n")
                reports.append((tmp_path / name).read_bytes())
        assert reports[0] == reports[1]
        found = json.loads(reports[0])
        assert found["disagreement"]["rate"] == recorded.live["lying"]["disagreement"]["rate"]
        assert (found["ended"], found["latency"]["shadow_p50_s"]) == ({"answered": N}, None)

    def test_with_the_primary_beside_it_latency_is_judged_too(self, recorded: Recorded) -> None:
        with model(2.0) as candidate, model(2.0) as primary:
            run = replay(recorded.folder, "--to", candidate, "--primary", primary, "--speed", "max", "--json")
        found = json.loads(run.stdout)
        assert {finding["name"] for finding in found["findings"]} >= {"latency_p50", "latency_p99"}
        assert (found["disagreement"]["rate"], found["disagreement"]["noise"]) == (0.0, 0.0)
        assert found["disagreement"]["noise_pairs"] == N

    def test_a_candidate_that_is_not_there_is_told_so(self, recorded: Recorded) -> None:
        run = replay(recorded.folder, "--to", "http://127.0.0.1:1", "--speed", "max")
        assert run.returncode == 1
        assert run.stderr.startswith("sidecar: http://127.0.0.1:1: expected a server, got none")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--to", "nowhere"), "--to: expected http://"),
            (("--to", "http://127.0.0.1:1", "--concurrency", "0"), "--concurrency: expected an integer >= 1"),
            (("--to", "http://127.0.0.1:1", "--speed", "0"), "expected a number > 0 or max"),
        ],
    )
    def test_wrong_flags_are_refused(
        self, recorded: Recorded, options: tuple[str, ...], message: str
    ) -> None:
        run = replay(recorded.folder, *options)
        assert run.returncode == 2
        assert message in run.stderr


def test_recorded_traffic_makes_a_reference(recorded: Recorded, tmp_path: Path) -> None:
    segments = sorted(map(str, recorded.folder.glob("*.rec.gz")))
    file = str(tmp_path / "reference.msgpack")
    for arguments in (["build", *segments, "-o", file, "--time", "unix_s"], ["show", file]):
        command = [sys.executable, "-m", "sidecar", "reference", *arguments]
        run = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False
        )
        assert run.returncode == 0, run.stderr
    assert f"{N} rows" in run.stdout
    assert {"x", "y"} <= {line.split()[0] for line in run.stdout.splitlines() if line.strip()}


def test_a_folder_without_segments_is_refused(tmp_path: Path) -> None:
    run = replay(tmp_path)
    assert (run.returncode, "expected segments (*.rec.gz), got none" in run.stderr) == (2, True)
