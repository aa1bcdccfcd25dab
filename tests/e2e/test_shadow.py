"""Shadows of a running sidecar: callers get the primary's answer, the shadow gets a verdict."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sidecar.mirror.state import ShadowState, decode
from sidecar.monitor.state import load_state
from tests.support.lifecycle import reload, settings
from tests.support.listening import close, listen
from tests.support.running import PATIENCE_S, ROOT, Sidecar, eventually
from tests.support.traffic import Load
from tests.support.upstream import read_request, with_length

PATH = "/v2/models/m/infer"


def infer(value: float) -> bytes:
    return json.dumps({"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [value]}]}).encode()


@contextmanager
def model(double: float) -> Iterator[str]:
    """A model that answers its input times a factor; gives its URL."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while (asked := read_request(stream)) is not None:
                value = json.loads(asked.body)["inputs"][0]["data"][0]
                output = {"name": "y", "datatype": "FP64", "shape": [1], "data": [double * value]}
                connection.sendall(with_length(json.dumps({"model_name": "m", "outputs": [output]}).encode()))

    listener = listen(serve)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        close(listener)


def ask(sidecar: Sidecar, n: int, first: int = 0) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.traffic, timeout=PATIENCE_S)
    for number in range(first, first + n):
        connection.request("POST", PATH, infer(float(number)))
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.load(answer)["outputs"][0]["data"] == [2.0 * number]
    connection.close()


def switch(sidecar: Sidecar, name: str, body: bytes, content_type: str = "application/json") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.admin, timeout=PATIENCE_S)
    connection.request("POST", f"/api/v1/shadow/{name}", body, {"Content-Type": content_type})
    status = connection.getresponse().status
    connection.close()
    return status


def shadow_of(sidecar: Sidecar, name: str) -> dict[str, Any]:
    return {entry["name"]: entry for entry in sidecar.get("/api/v1/shadow")["shadows"]}[name]


def all_ended(entry: dict[str, Any]) -> dict[str, Any] | None:
    """What is told of a shadow, once it was offered everything and nothing is on its way."""
    n_offered = entry["mirrored"] + sum(entry["skipped"].values())
    return entry if n_offered >= 400 and entry["in_flight"] == 0 else None


def verdict(sidecar: Sidecar, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sidecar", "verdict", "--admin", f"127.0.0.1:{sidecar.admin}", *flags]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False
    )


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A good, a lying and an absent shadow beside a primary that doubles; 400 requests have gone through."""
    with model(2.0) as primary, model(2.0) as good, model(-2.0) as lying:
        generous = {"most_per_s": 1e6, "concurrency": 1000, "noise_ratio": 1.0}
        file = settings(
            tmp_path_factory.mktemp("shadow"),
            shadows=[
                {"name": "good", "url": good, **generous, "margins": {"disagreement": 0.1}},
                {"name": "lying", "url": lying, **generous},
                {"name": "absent", "url": "http://127.0.0.1:1", **generous, "concurrency": 2},
            ],
        )
        with Sidecar(primary, "--config", str(file)) as running:
            running.monitored()
            ask(running, 400)
            for name in ("good", "lying"):
                eventually(lambda name=name: shadow_of(running, name)["compared"] == 400)
            yield running


def test_an_honest_shadow_agrees_and_a_lying_one_is_worse(sidecar: Sidecar) -> None:
    good, lying = shadow_of(sidecar, "good"), shadow_of(sidecar, "lying")
    assert good["disagreement"]["rate"] == 0.0
    assert {finding["name"]: finding["state"] for finding in good["findings"]}["agreement"] == "equivalent"
    assert lying["disagreement"]["rate"] == pytest.approx(399 / 400)  # -2 x 0 is 0
    assert lying["verdict"] == "worse"
    assert lying["fields"][0]["name"] == "y"


def test_every_exchange_is_accounted_for_by_shadow_and_reason(sidecar: Sidecar) -> None:
    for name in ("good", "lying", "absent"):
        entry = eventually(lambda name=name: all_ended(shadow_of(sidecar, name)))
        assert entry["mirrored"] + sum(entry["skipped"].values()) == 400, entry
        assert sum(entry["ended"].values()) == entry["mirrored"]
    absent = shadow_of(sidecar, "absent")
    assert absent["ended"] == {"connect": absent["mirrored"]}
    assert absent["skipped"].keys() <= {"busy", "breaker_open"}


def test_pipelines_ask_by_exit_code(sidecar: Sidecar) -> None:
    worse = verdict(sidecar, "--shadow", "lying", "--require", "equivalent")
    assert worse.returncode == 1
    assert worse.stdout.startswith("lying: worse (400 answers compared)\n")
    unknown = verdict(sidecar, "--shadow", "nobody", "--require", "better")
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "sidecar: --shadow: expected one of: good, lying, absent, got 'nobody'\n",
    )


def test_a_verdict_is_in_the_metrics_and_its_change_in_the_log(sidecar: Sidecar) -> None:
    metrics = sidecar.metrics()
    assert 'model_shadow_verdict{shadow="lying",verdict="worse"} 1' in metrics
    assert 'model_shadow_compared_total{shadow="good"} 400' in metrics
    changed = eventually(lambda: sidecar.events("shadow_verdict"))
    assert ("lying", "undecided", "worse") in [(e["shadow"], e["before"], e["verdict"]) for e in changed]


def test_a_shadow_is_switched_off_at_once(sidecar: Sidecar) -> None:
    assert switch(sidecar, "good", b'{"enabled": false}') == 200
    before = shadow_of(sidecar, "good")
    ask(sidecar, 5)
    eventually(lambda: shadow_of(sidecar, "good")["skipped"].get("disabled") == 5)
    assert shadow_of(sidecar, "good")["mirrored"] == before["mirrored"]
    assert switch(sidecar, "good", b'{"enabled": true}') == 200


def test_the_switch_takes_nothing_that_a_foreign_page_could_send(sidecar: Sidecar) -> None:
    assert switch(sidecar, "good", b'{"enabled": false}', "text/plain") == 415
    assert switch(sidecar, "good", b'{"enabled": 3}') == 400
    assert switch(sidecar, "nobody", b'{"enabled": true}') == 404
    assert shadow_of(sidecar, "good")["enabled"]


def test_a_flag_names_a_shadow(tmp_path: Path) -> None:
    with model(2.0) as primary, Sidecar(primary, "--shadow", f"s={primary}") as running:
        running.monitored()
        ask(running, 3)
        assert eventually(lambda: shadow_of(running, "s")["compared"] == 3)


def kept(folder: Path) -> ShadowState:
    """The only shadow, as it is in the checkpoint."""
    state = load_state(folder)
    if state is None:
        raise LookupError("no checkpoint yet")
    return decode(state["shadows"]["shadows"][0])


def holds(folder: Path, n_pairs: int) -> bool:
    """Whether the checkpoint has all pairs, and as many second askings."""
    comparison = kept(folder).comparison
    return (comparison.compared, comparison.noise[1]) == (n_pairs, n_pairs)


def killed(sidecar: Sidecar, folder: Path) -> ShadowState:
    """Kills the monitor; gives what its successor goes on from."""
    n_before = len(sidecar.events("monitoring"))
    os.kill(sidecar.pid("monitor"), signal.SIGKILL)
    state = kept(folder)
    eventually(lambda: len(sidecar.events("monitoring")) > n_before, 60)
    return state


def accounted(sidecar: Sidecar, n_seen: int) -> dict[str, Any]:
    """The only shadow once nothing is on its way, every exchange being in one of its counters."""
    (name,) = sidecar.get("/api/v1/status")["shadows"]

    def ended() -> dict[str, Any] | None:
        entry = shadow_of(sidecar, name)
        is_over = entry["in_flight"] == 0 and entry["mirrored"] + sum(entry["skipped"].values()) >= n_seen
        return entry if is_over else None

    entry: dict[str, Any] = eventually(ended)  # type: ignore[assignment]
    assert entry["mirrored"] + sum(entry["skipped"].values()) == n_seen, entry
    pairs = sum(count for end, count in entry["ended"].items() if end not in ("given_up", "restart"))
    assert entry["compared"] + sum(entry["uncompared"].values()) == pairs, entry
    return entry


LYING = {"name": "lying", "most_per_s": 1e6, "concurrency": 1000, "noise_ratio": 1.0}


class TestAMonitorThatIsStartedAgain:
    def test_goes_on_behind_a_kill_from_where_its_checkpoint_was(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        with model(2.0) as primary, model(-2.0) as lying:
            every = {"path": str(state), "every_s": 0.1}
            file = settings(tmp_path, state=every, shadows=[{**LYING, "url": lying}])  # type: ignore[arg-type]
            with Sidecar(primary, "--config", str(file)) as sidecar:
                sidecar.monitored()
                ask(sidecar, 300)
                eventually(lambda: sidecar.events("shadow_verdict"))
                eventually(lambda: holds(state, 300))
                before = accounted(sidecar, 300)
                assert (before["compared"], before["verdict"]) == (300, "worse")
                killed(sidecar, state)
                assert shadow_of(sidecar, "lying") == before
                assert 'model_shadow_verdict{shadow="lying",verdict="worse"} 1' in sidecar.metrics()
                ask(sidecar, 100, 300)
                eventually(lambda: holds(state, 400))
                after = accounted(sidecar, 400)
                told = sidecar.events("shadow_verdict")
        assert (after["compared"], after["disagreement"]["noise_pairs"]) == (400, 400)
        assert after["disagreement"]["rate"] == pytest.approx(399 / 400)
        assert [(line["before"], line["verdict"]) for line in told] == [("undecided", "worse")]

    def test_counts_what_a_kill_made_it_forget(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        with model(2.0) as primary, model(-2.0) as lying:
            every = {"path": str(state), "every_s": 3.0}
            file = settings(tmp_path, state=every, shadows=[{**LYING, "url": lying}])  # type: ignore[arg-type]
            with Sidecar(primary, "--config", str(file)) as sidecar:
                sidecar.monitored()
                ask(sidecar, 200)
                eventually(lambda: kept(state).comparison.compared > 0)
                ask(sidecar, 50)
                sidecar.settled(250)
                last = killed(sidecar, state)
                found = accounted(sidecar, 250)
        assert found["compared"] == last.comparison.compared
        assert found["ended"].get("restart", 0) == last.in_flight
        n_kept = sum(last.skipped.values()) + sum(last.ended.values()) + last.in_flight
        assert found["skipped"].keys() <= {"restart"}
        assert sum(found["skipped"].values()) == 250 - n_kept

    def test_accounts_for_every_exchange_when_it_is_killed_under_load(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        with model(2.0) as primary, model(-2.0) as lying:
            every = {"path": str(state), "every_s": 0.3}
            few = {
                **LYING,
                "url": lying,
                "concurrency": 2,
            }  # so that some are on their way, and some find no room
            file = settings(tmp_path, state=every, shadows=[few])  # type: ignore[arg-type]
            with Sidecar(primary, "--config", str(file)) as sidecar:
                sidecar.monitored()
                with Load(sidecar.traffic, infer(1.0), n_callers=2) as load:
                    for n_lives in (1, 2):
                        eventually(lambda n=n_lives: kept(state).comparison.compared > 100 * n, 60)
                        killed(sidecar, state)
                assert load.errors == {}
                found = sidecar.settled(load.n_answers)
                entry = accounted(sidecar, found["seen"] - found["dropped"]["ring_full"])
        assert entry["compared"] > 200
        assert sum(entry[side].get("restart", 0) for side in ("ended", "skipped")) > 0

    def test_loses_nothing_over_a_reload_and_begins_anew_only_where_the_comparison_changed(
        self, tmp_path: Path
    ) -> None:
        def configured(**shadow: object) -> Path:
            return settings(tmp_path, shadows=[{**LYING, "url": lying, **shadow}])  # type: ignore[arg-type]

        with (
            model(2.0) as primary,
            model(-2.0) as lying,
            Sidecar(primary, "--config", str(configured())) as sidecar,
        ):
            sidecar.monitored()
            ask(sidecar, 100)
            accounted(sidecar, 100)
            configured(margins={"disagreement": 0.5}, most_per_s=1e5)
            reload(sidecar, 1)
            eventually(lambda: len(sidecar.events("monitoring")) == 2, 60)
            gone_on = accounted(sidecar, 100)
            configured(fields=[{"name": "y", "absolute": 1e9}])
            reload(sidecar, 2)
            eventually(lambda: len(sidecar.events("monitoring")) == 3, 60)
            anew = shadow_of(sidecar, "lying")
            (line,) = sidecar.events("shadow_anew")
        assert (gone_on["compared"], gone_on["ended"], gone_on["skipped"]) == (100, {"answered": 100}, {})
        assert gone_on["findings"][0]["margin"] == 0.5
        assert (anew["compared"], anew["skipped"]) == (0, {})
        assert (line["shadow"], line["changed"], line["compared"]) == ("lying", "fields", 100)
