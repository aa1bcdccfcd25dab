from __future__ import annotations

import math

import pytest

from sidecar.demo.watch import (
    Accounting,
    FeatureState,
    Overhead,
    read_accounting,
    read_features,
    read_overhead,
)

FEATURE = {
    "name": "temp",
    "role": "input",
    "kind": "numeric",
    "rows": 5120,
    "missing_ratio": 0.0,
    "state": "drift",
    "psi": 0.31,
    "psi_debiased": 0.3,
    "psi_critical": 0.012,
    "js_distance": 0.3,
    "ks": 0.2,
    "wasserstein": 0.1,
    "log_e": 40.5,
    "log_e_threshold": 15.9,
    "moved": {"at": "q0.95", "direction": "up"},
    "since_unix_s": 1.0,
}


def test_reads_the_features_of_a_drift_document() -> None:
    other = FEATURE | {"name": "hour", "state": "not_enough_data", "psi_debiased": None, "moved": None}
    first, second = read_features({"model": "late", "features": [FEATURE, other]})
    assert first == FeatureState("temp", "input", "drift", 5120, 0.3, 0.012, 40.5, 15.9, "q0.95 up")
    assert (second.name, second.state, second.moved) == ("hour", "not_enough_data", "")
    assert math.isnan(second.psi_debiased)


def test_reads_the_accounting_and_sees_whether_it_balances() -> None:
    counts = {
        "seen": 10,
        "analysed": 5,
        "sampled_out": 1,
        "in_flight": 1,
        "dropped": {"ring_full": 2, "too_large": 1},
    }
    accounting = read_accounting({"accounting": counts})
    assert accounting == Accounting(10, 5, 1, 1, (("ring_full", 2), ("too_large", 1)))
    assert accounting.lost == 3
    assert accounting.balances
    assert not read_accounting({"accounting": counts | {"seen": 11}}).balances


EXPOSITION = """\
# TYPE sidecar_proxy_overhead_seconds histogram
sidecar_proxy_overhead_seconds_bucket{worker="0",le="0.0001"} 50
sidecar_proxy_overhead_seconds_bucket{worker="0",le="0.0002"} 90
sidecar_proxy_overhead_seconds_bucket{worker="0",le="+Inf"} 100
sidecar_proxy_overhead_seconds_bucket{le="0.0001",worker="1"} 50
sidecar_proxy_overhead_seconds_bucket{le="0.0002",worker="1"} 90
sidecar_proxy_overhead_seconds_bucket{le="+Inf",worker="1"} 100
sidecar_proxy_overhead_seconds_sum{worker="0"} 0.02
http_server_request_duration_seconds_bucket{le="0.0001"} 7
"""


def test_sums_the_overhead_histogram_over_its_label_sets() -> None:
    assert read_overhead(EXPOSITION) == Overhead((0.0001, 0.0002, math.inf), (100.0, 180.0, 200.0))


@pytest.mark.parametrize(
    ("share", "seconds"), [(0.25, 0.00005), (0.5, 0.0001), (0.7, 0.00015), (0.9, 0.0002), (0.99, 0.0002)]
)
def test_quantiles_are_interpolated_within_their_bucket(share: float, seconds: float) -> None:
    assert read_overhead(EXPOSITION).quantile_guess(share) == pytest.approx(seconds)


def test_a_histogram_without_observations_has_no_quantile() -> None:
    assert math.isnan(Overhead().quantile_guess(0.5))
    assert math.isnan(Overhead((0.1, math.inf), (0.0, 0.0)).quantile_guess(0.5))
