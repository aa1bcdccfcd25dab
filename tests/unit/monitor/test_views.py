"""What the admin server is answered about windows: versions side by side, snapshots of every subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sidecar.config.load import load_config
from sidecar.log import Log
from sidecar.monitor.settings import NS
from sidecar.monitor.statistician import Statistician
from sidecar.monitor.subjects import Subjects
from sidecar.payload.columns import Columns, intern_schema
from sidecar.profile.snapshot import merge
from sidecar.profile.snapshot_codec import decode, encode
from sidecar.profile.snapshot_window import window_sum
from tests.support.pushing import push
from tests.support.views import views_of

START = 1_700_000_040 * NS
SCHEMA = intern_schema(("x", "y"), ("numeric", "numeric"))
CONFIG = "{window: {pane_s: 1, lateness_s: 0, horizons_s: [10, 100]}, reference: {auto_rows: 100}}"


@dataclass
class FakeClock:
    now_ns: int = START

    def mono_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return self.now_ns


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.subjects = Subjects(load_config(CONFIG), None, lambda: None, epoch=7)
        self.statistician = Statistician(self.subjects, self.clock, None, 1e9, dict, Log("t", "json"))
        self.views = views_of(self.subjects, origin="pod/7", clock=self.clock, started_unix_ns=START)
        self.rng = np.random.default_rng(1)

    def send(self, second: int, version: str | None, rows: int, model: str = "m") -> None:
        matrix = self.rng.normal(size=(rows, 2))
        columns = Columns("v2", "request", model, version, None, rows, SCHEMA, matrix, (), ())
        at_ns = START + second * NS
        assert push(self.subjects, columns, "input", model, version, at_ns)
        self.clock.now_ns = at_ns
        self.statistician._turn()


def test_versions_of_a_model_stand_side_by_side_and_their_windows_are_apart() -> None:
    bench = Bench()
    for second in range(3):
        bench.send(second, "1", 50)
        bench.send(second, "2", 80)
    bench.send(3, None, 5, model="other")
    bench.clock.now_ns += NS
    bench.statistician._turn()
    found = bench.views.versions("m")
    assert found is not None
    assert [entry["version"] for entry in found["versions"]] == ["1", "2"]
    rows = [role["window"]["rows"] for entry in found["versions"] for role in entry["roles"]]
    assert rows == [150, 240]
    assert bench.views.versions(None) == found
    other = bench.views.versions("other")
    assert other is not None
    assert [entry["version"] for entry in other["versions"]] == [None]
    assert bench.views.versions("nobody") is None


def test_the_status_tells_what_memory_each_model_may_take() -> None:
    bench = Bench()
    bench.send(0, "1", 50)
    bench.send(1, "2", 50)
    (subject, _) = bench.subjects.all()
    told = bench.views.status()["models"]
    assert [entry["version"] for entry in told] == ["1", "2"]
    most_bytes = sum(subject.most_bytes.values())
    assert [entry["memory_most_bytes"] for entry in told] == [most_bytes, most_bytes]


def test_without_a_model_there_are_no_versions() -> None:
    assert Bench().views.versions(None) == {"model": None, "versions": []}


def test_a_snapshot_holds_what_every_known_subject_has_closed() -> None:
    bench = Bench()
    bench.send(0, "1", 150)
    bench.send(1, "1", 30)
    bench.send(1, "2", 50)  # is still being learnt
    bench.send(5, "1", 1)
    snapshot = decode(bench.views.snapshot(), "told")
    assert list(snapshot.subjects) == [("m", "1", "input")]
    part = snapshot.subjects["m", "1", "input"]
    assert list(part.origins) == ["pod/7"]
    assert dict(part.origins["pod/7"].epochs) == {7: 0}
    total = window_sum(part, 10 * NS, START + 2 * NS)
    assert total is not None
    assert total.rows == 180
    assert total.counts.sum(axis=1).tolist() == [80, 80]  # the first 100 made the reference
    assert part.reference_id == bench.views.drift("m", "1")["reference"]["id"]  # type: ignore[index]


def test_snapshots_of_one_monitor_over_time_are_one_history() -> None:
    bench = Bench()
    told = []
    for second in range(40):
        bench.send(second, "1", 60)
        told.append(("t", decode(bench.views.snapshot(), "told")))
    merged = merge(told[::-1])
    assert encode(merged) == encode(merge(told))
    whole = window_sum(merged.subjects["m", "1", "input"], 100 * NS, START + 39 * NS)
    short = merged.subjects["m", "1", "input"].origins["pod/7"].granules
    assert whole is not None
    assert whole.rows == 39 * 60
    assert sum(pane.rows for (horizon_ns, _), pane in short.items() if horizon_ns == 10 * NS) == 39 * 60


def test_before_anything_was_seen_a_snapshot_is_empty() -> None:
    assert decode(Bench().views.snapshot(), "told").subjects == {}
