"""Faulty data in, what is wrong with it out: the admin server's answers and the counter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.running import Sidecar, eventually
from tests.support.traffic import post_all
from tests.support.upstream import FakeUpstream

SETTINGS = {
    "SIDECAR_WINDOW__PANE_S": "0.5",
    "SIDECAR_WINDOW__HORIZONS_S": "[60]",
    "SIDECAR_REFERENCE__AUTO_ROWS": "1000",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as running:
        yield running


def body(ages: list[Any], cities: list[Any], *, reverse: bool = False) -> bytes:
    tensors = [
        {"name": "age", "shape": [len(ages)], "datatype": "FP64", "data": ages},
        {"name": "city", "shape": [len(cities)], "datatype": "BYTES", "data": cities},
    ]
    return json.dumps({"inputs": tensors[::-1] if reverse else tensors}).encode()


def violations(sidecar: Sidecar) -> dict[tuple[str, str], int]:
    found = {}
    for line in sidecar.metrics().splitlines():
        if line.startswith("model_quality_violations_total{") and 'role="input"' in line:
            labels, value = line.rsplit(" ", 1)
            parts = dict(part.split("=") for part in labels[labels.index("{") + 1 : -1].split(","))
            found[parts["feature"].strip('"'), parts["kind"].strip('"')] = int(float(value))
    return found


def test_what_is_wrong_with_the_data_is_told_by_kind_and_feature(upstream: FakeUpstream) -> None:
    rng = np.random.default_rng(3)
    sound = [body(rng.uniform(18, 80, size=50).tolist(), ["Rome", "Oslo"] * 25) for _ in range(20)]
    with Sidecar(f"http://127.0.0.1:{upstream.port}", **SETTINGS) as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, sound)
        eventually(lambda: sidecar.get("/api/v1/features/city").get("categories"))
        eventually(lambda: ("city", "unseen") in violations(sidecar))
        faulty = body([-5.0, "forty", None, 30.0], ["Bern", "Bern", "Rome", 7], reverse=True)
        post_all(sidecar.traffic, [faulty] * 3)
        found = eventually(lambda: (v := violations(sidecar))["city", "unseen"] == 6 and v)
        assert found["age", "out_of_range"] == found["age", "type_error"] == found["age", "missing"] == 3
        assert found["city", "type_error"] == found["", "shape"] == 3
        assert found["age", "constant"] == 0
        bern = [{"category": "Bern", "count": 6, "error": 0}]
        city = eventually(lambda: (c := sidecar.get("/api/v1/features/city"))["unseen"] == bern and c)
        assert city["distinct"] == pytest.approx(2, abs=0.1)  # Rome and, newly, Bern
        quality = sidecar.get("/api/v1/drift")["quality"]
        entry = next(e for e in quality if (e["rate"], e["feature"]) == ("out_of_range", "age"))
        assert (entry["successes"], entry["trials"], entry["reference_share"]) == (3, 6, 0.0)
        assert (entry["reference_rows"], entry["state"]) == (1000, "ok")
        assert sidecar.get("/api/v1/alerts")["quality"] == []
        # One row of every message stands for it
        post_all(sidecar.traffic, [body([-5.0], ["Rome"])] * 60)
        alert = eventually(lambda: sidecar.get("/api/v1/alerts")["quality"])[0]
        assert (alert["rate"], alert["feature"], alert["state"]) == ("out_of_range", "age", "violated")
        violated = (
            'model_quality_violated{model="m",version="1",role="input",feature="age",kind="out_of_range"}'
        )
        assert f"{violated} 1" in sidecar.metrics()
