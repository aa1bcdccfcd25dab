from __future__ import annotations

import yaml

from benchmarks.peers.registry import HERE
from benchmarks.proxy_measure import RING_BYTES


def test_the_warm_up_fills_the_ring_that_is_configured() -> None:
    text = (HERE / "sidecar.yaml").read_text(encoding="utf-8").replace("@", "")
    assert yaml.safe_load(text)["tap"]["ring_bytes"] == RING_BYTES
