from __future__ import annotations

from sidecar.config.traffic import RetriesConfig
from sidecar.upstream.budget import RetryBudget


def budget(ratio: float, least_per_s: float = 0.0) -> RetryBudget:
    return RetryBudget(RetriesConfig(budget_ratio=ratio, least_per_s=least_per_s), now_s=1000.0)


def spend_all(of: RetryBudget, now_s: float) -> int:
    """How many retries are allowed at a moment."""
    n_spent = 0
    while of.try_spend(now_s):
        n_spent += 1
        assert n_spent < 100_000
    return n_spent


def request(of: RetryBudget, n_requests: int, now_s: float) -> None:
    for _ in range(n_requests):
        of.note_request()
    of.sweep(now_s)


def test_retries_are_at_most_the_configured_share_of_requests() -> None:
    requests = budget(0.2)
    request(requests, 100, 1000.0)
    assert spend_all(requests, 1000.5) == 20


def test_without_requests_there_is_only_the_least_allowed() -> None:
    assert spend_all(budget(0.2), 1000.0) == 0
    assert spend_all(budget(0.2, least_per_s=5.0), 1000.0) == 50


def test_the_least_comes_on_top_of_the_share() -> None:
    both = budget(0.1, least_per_s=0.5)
    request(both, 100, 1000.0)
    assert spend_all(both, 1000.0) == 15


def test_a_share_of_zero_and_no_least_allow_none() -> None:
    nothing = budget(0.0)
    request(nothing, 1000, 1000.0)
    assert not nothing.try_spend(1000.0)


def test_requests_count_even_if_nobody_swept_since() -> None:
    fresh = budget(0.5)
    fresh.note_request()
    fresh.note_request()
    assert spend_all(fresh, 1000.0) == 1


def test_requests_are_forgotten_after_ten_seconds() -> None:
    old = budget(0.2)
    request(old, 100, 1000.0)
    assert old.try_spend(1009.9)
    assert not old.try_spend(1010.0)


def test_what_was_spent_is_forgotten_after_ten_seconds_as_well() -> None:
    least = budget(0.0, least_per_s=1.0)
    assert spend_all(least, 1000.0) == 10
    assert spend_all(least, 1009.9) == 0
    assert spend_all(least, 1010.0) == 10


def test_a_long_silence_empties_the_window() -> None:
    silent = budget(0.2)
    for second in range(10):
        request(silent, 100, 1000.0 + second)
    silent.sweep(1_000_000.0)
    assert not silent.try_spend(1_000_000.0)


def test_over_a_long_steady_load_retries_stay_at_the_share() -> None:
    steady = budget(0.2)
    n_spent = 0
    for step in range(400):
        now_s = 1000.0 + step / 4
        request(steady, 25, now_s)
        n_spent += spend_all(steady, now_s)
    assert n_spent == 2000


def test_a_clock_that_stands_still_or_falls_loses_nothing() -> None:
    still = budget(0.2)
    request(still, 50, 1003.0)
    request(still, 50, 1002.0)
    assert spend_all(still, 1003.0) == 20
