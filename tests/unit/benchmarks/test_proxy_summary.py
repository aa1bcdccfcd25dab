from __future__ import annotations

from typing import Any

import pytest

from benchmarks.proxy_summary import print_summary, summarise


def row(turn: int, peer: str, cpu_us: float, errors: int = 0, connections: int = 16) -> dict[str, Any]:
    return {
        "round": turn,
        "peer": peer,
        "payload": "small",
        "heads": "repeated",
        "connections": connections,
        "kind": "closed",
        "errors": errors,
        "per_s": 1e6 / cpu_us,
        "cpu_us": cpu_us,
        "monitor_us": None,
        "total_us": cpu_us,
    }


def rounds(nginx: list[float], envoy: list[float], sidecar: list[float]) -> list[dict[str, Any]]:
    return [
        row(turn, peer, cpu_us)
        for peer, values in (("nginx", nginx), ("envoy", envoy), ("sidecar", sidecar))
        for turn, cpu_us in enumerate(values)
    ]


def opened(turn: int, peer: str, added_us: float) -> dict[str, Any]:
    return {**row(turn, peer, 1.0), "kind": "open", "added_p99_us": added_us}


def test_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # the machine was twice as slow in the second round: the ratio of medians would be 20 / 20
    summary = summarise(rounds([10.0, 20.0, 30.0], [50.0, 100.0, 50.0], [20.0, 40.0, 15.0]))
    sidecar = summary[-1]
    assert sidecar["peer"] == "sidecar"
    assert sidecar["cpu_us"] == 20.0
    assert sidecar["range"]["cpu_us"] == [15.0, 40.0]
    assert sidecar["against"]["nginx"]["cpu_us"] == 2.0
    assert sidecar["ranges"]["nginx"]["cpu_us"] == [0.5, 2.0]
    assert sidecar["against"]["envoy"]["cpu_us"] == 0.4
    assert sidecar["rounds"] == 3


def test_cells_are_not_mixed() -> None:
    rows = [
        *rounds([10.0], [50.0], [12.0]),
        row(0, "nginx", 40.0, connections=1),
        row(0, "sidecar", 60.0, connections=1),
    ]
    ratios = {
        line["connections"]: line["against"]["nginx"]["cpu_us"]
        for line in summarise(rows)
        if line["peer"] == "sidecar"
    }
    assert ratios == {16: 1.2, 1: 1.5}


def test_a_round_in_which_the_peer_added_nothing_gives_no_ratio() -> None:
    rows = [opened(0, "envoy", -5.0), opened(0, "sidecar", 10.0)]
    assert summarise(rows)[-1]["against"]["envoy"]["added_p99_us"] is None
    rows += [opened(1, "envoy", 20.0), opened(1, "sidecar", 10.0)]
    assert summarise(rows)[-1]["against"]["envoy"]["added_p99_us"] == 0.5


def test_every_kind_of_row_has_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    where = {"round": 0, "peer": "sidecar", "payload": "-", "heads": "-", "connections": 0, "errors": 0}
    rows = [
        row(0, "sidecar", 10.0),
        opened(0, "sidecar", 5.0),
        {**where, "kind": "stream", "payload": "stream", "event_p50_us": 123.0},
        {**where, "kind": "memory", "resident_mb": 31.5},
        {**where, "kind": "start", "start_s": 0.25},
    ]
    print_summary(summarise(rows), str.upper)
    said = capsys.readouterr().out
    for part in ("200 B JSON", "SSE, 50 chunks", "123", "31.5", "0.25", "SIDECAR"):
        assert part in said
