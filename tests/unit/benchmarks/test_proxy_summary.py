from __future__ import annotations

from typing import Any

from benchmarks.proxy_summary import over_budget, summarise


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


def test_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # the machine was twice as slow in the second round: the ratio of medians would be 20 / 20
    summary = summarise(rounds([10.0, 20.0, 30.0], [50.0, 100.0, 50.0], [20.0, 40.0, 15.0]))
    sidecar = summary[-1]
    assert sidecar["peer"] == "sidecar"
    assert sidecar["cpu_us"] == 20.0
    assert sidecar["against"]["nginx"]["cpu_us"] == 2.0
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


def test_within_budget_is_silent() -> None:
    assert over_budget(summarise(rounds([10.0], [40.0], [14.9]))) == []


def test_over_budget_names_peer_limit_and_ratio() -> None:
    assert over_budget(summarise(rounds([10.0], [30.0], [16.0]))) == [
        "worker CPU a request: expected at most 1.5 x nginx, got 1.60 x",
        "worker CPU a request: expected at most 0.5 x envoy, got 0.53 x",
    ]


def test_what_was_not_measured_is_over_budget() -> None:
    assert over_budget(summarise(rounds([10.0], [], [12.0]))) == [
        "worker CPU a request: expected a ratio to envoy, got no measurement of envoy"
    ]
    assert over_budget(summarise(rounds([10.0], [30.0], []))) == [
        "sidecar: expected to be measured with 200 B JSON at 16 connections, got no such row"
    ]


def test_failed_requests_are_over_budget() -> None:
    rows = [row(0, "nginx", 10.0), row(0, "envoy", 40.0), row(0, "sidecar", 12.0, errors=2)]
    assert over_budget(summarise(rows)) == ["sidecar: expected no failed request, got 2"]
