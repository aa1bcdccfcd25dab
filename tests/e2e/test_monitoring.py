"""Traffic in, verdicts out: what the admin server, Prometheus and OpenTelemetry say."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.running import PATIENCE_S, Sidecar, eventually, request
from tests.support.traffic import infer_body, post_all
from tests.support.upstream import MEGABYTE, FakeUpstream

PANE = {"SIDECAR_WINDOW__PANE_S": "0.5", "SIDECAR_WINDOW__HORIZONS_S": "[5, 60]"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as running:
        yield running


def rows(rng: np.random.Generator, n: int, shift: float = 0.0) -> list[bytes]:
    """Requests of 20 rows with three features: x[0] may be shifted, x[2] is missing for one row in ten."""
    bodies = []
    for _ in range(n // 20):
        block = rng.normal(loc=(shift, 0.0, 0.0), size=(20, 3))
        bodies.append(infer_body(block.tolist()).replace(b"NaN", b"null"))
    return bodies


def features(sidecar: Sidecar) -> dict[str, Any]:
    return {entry["name"]: entry for entry in sidecar.get("/api/v1/drift")["features"]}


def test_drift_is_found_in_the_feature_that_drifts_and_in_no_other(upstream: FakeUpstream) -> None:
    rng = np.random.default_rng(1)
    learning = {"SIDECAR_REFERENCE__AUTO_ROWS": "4000"}
    with Sidecar(f"http://127.0.0.1:{upstream.port}", **PANE, **learning) as sidecar:
        sidecar.monitored()
        assert sidecar.get("/api/v1/drift")["features"] == []
        post_all(sidecar.traffic, rows(rng, 2000))
        sidecar.settled(100)
        states = eventually(lambda: {name: entry["state"] for name, entry in features(sidecar).items()})
        assert set(states.values()) == {"not_enough_data"}
        post_all(sidecar.traffic, rows(rng, 5000))
        eventually(lambda: {e["state"] for name, e in features(sidecar).items() if name != "y"} == {"ok"})
        post_all(sidecar.traffic, rows(rng, 10_000, shift=1.0))  # one row of 20 counts for the alarm
        drifted = eventually(lambda: (f := features(sidecar))["x[0]"]["state"] == "drift" and f)
        assert drifted["x[0]"]["moved"]["direction"] == "up"
        assert drifted["x[0]"]["log_e"] >= drifted["x[0]"]["log_e_threshold"]
        assert drifted["x[0]"]["psi"] > drifted["x[0]"]["psi_critical"]
        assert {drifted["x[1]"]["state"], drifted["x[2]"]["state"]} == {"ok"}
        feature = sidecar.get("/api/v1/features/x[0]")
        assert sum(cell["reference"] for cell in feature["histogram"]["bins"]) == 4000
        assert [alert["name"] for alert in sidecar.get("/api/v1/alerts")["alerts"]] == ["x[0]"]
        assert (
            'model_feature_drifted{model="m",version="1",role="input",feature="x[0]"} 1' in sidecar.metrics()
        )
        assert sidecar.settled(850)["analysed"] == 850


def test_every_exchange_is_accounted_for_by_what_became_of_it(upstream: FakeUpstream) -> None:
    limits = {"SIDECAR_TAP__BODY_LIMIT_BYTES": "500000", "SIDECAR_TAP__INLINE_LIMIT_BYTES": "1000"}
    with Sidecar(f"http://127.0.0.1:{upstream.port}", **limits) as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, [infer_body([[1.0, 2.0]])] * 7)
        post_all(sidecar.traffic, [infer_body([[1.0, 2.0]] * 300)] * 3)  # in pieces
        post_all(sidecar.traffic, [b"{not json", b'{"inputs": 5}'])
        post_all(sidecar.traffic, [b"x"] * 2, path="/echo")
        post_all(sidecar.traffic, [b"{}"] * 2, path="/500")
        post_all(sidecar.traffic, [MEGABYTE], path="/echo")
        sidecar.send(request("/short"))
        sidecar.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        found = sidecar.settled(18)
        lost = {reason: n for reason, n in found["dropped"].items() if n}
        assert (found["seen"], found["analysed"]) == (18, 10)
        assert lost == {"decode_error": 2, "undecoded": 2, "failed": 2, "too_large": 1, "incomplete": 1}
        metrics = sidecar.metrics()
        assert 'sidecar_records_dropped_total{reason="decode_error"} 2' in metrics
        assert "sidecar_admin_faults_total 0" in metrics
        eventually(lambda: "sidecar_requests_rejected_total 1" in sidecar.metrics())  # stored now and then
        million = re.compile(r"^sidecar_request_bytes_total 1\d{6}$", re.MULTILINE)
        eventually(lambda: million.search(sidecar.metrics()))
        assert [line for line in sidecar.events("payload_malformed") if "not json" in str(line)] == []


def test_a_share_of_payloads_is_analysed_and_the_rest_is_counted(upstream: FakeUpstream) -> None:
    with Sidecar(f"http://127.0.0.1:{upstream.port}", SIDECAR_TAP__RATIO="0.25") as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, [infer_body([[1.0, 2.0]])] * 800)
        found = sidecar.settled(800)
        assert found["analysed"] + found["sampled_out"] == 800
        assert 195 <= found["analysed"] <= 205  # the ids are evenly spread, so the share is nearly exact
        assert "http_server_request_duration_seconds_count{" in sidecar.metrics()


def test_the_reference_file_names_and_judges_the_columns(upstream: FakeUpstream, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    table = tmp_path / "train.csv"
    table.write_text("age,income\n" + "".join(f"{a},{b}\n" for a, b in rng.normal(size=(4000, 2))))
    reference = tmp_path / "reference.msgpack"
    from sidecar.cli import main

    assert main(["reference", "build", str(table), "-o", str(reference)]) == 0
    config = tmp_path / "sidecar.yaml"
    config.write_text(
        f"reference: {{path: {reference}}}\nmodels:\n  - {{name: m, features: [age, income]}}\n"
    )
    flags = ("--config", str(config))
    with Sidecar(f"http://127.0.0.1:{upstream.port}", *flags, **PANE) as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, [infer_body(rng.normal(size=(20, 2)).tolist()) for _ in range(30)])
        eventually(
            lambda: features(sidecar)["age"]["rows"] == 600 and features(sidecar)["age"]["state"] == "ok"
        )
        document = sidecar.get("/api/v1/drift")
        assert document["reference"]["rows"] == 4000
        assert [entry["name"] for entry in document["features"]][:2] == ["age", "income"]


def test_the_admin_server_asks_for_its_token(upstream: FakeUpstream) -> None:
    with Sidecar(f"http://127.0.0.1:{upstream.port}", SIDECAR_ADMIN_SERVER__TOKEN="s3cret") as sidecar:
        sidecar.monitored()
        statuses = []
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer s3cret"}):
            connection = http.client.HTTPConnection("127.0.0.1", sidecar.admin, timeout=PATIENCE_S)
            connection.request("GET", "/api/v1/status", headers=headers)
            statuses.append(connection.getresponse().status)
            connection.close()
        assert statuses == [401, 401, 200]
        assert "s3cret" not in json.dumps(sidecar.log())
