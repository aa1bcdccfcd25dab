from __future__ import annotations

import pytest

from sidecar.config.traffic import BreakerConfig
from sidecar.upstream.breaker import Breaker


def opened(**settings: float) -> Breaker:
    """A breaker that opened at 100 s."""
    breaker = Breaker(BreakerConfig(failures=1, **settings))  # type: ignore[arg-type]
    breaker.note_failure(100.0)
    assert not breaker.closed
    return breaker


class TestClosed:
    def test_it_opens_with_the_configured_number_of_failures_in_a_row(self) -> None:
        breaker = Breaker(BreakerConfig(failures=3))
        breaker.note_failure(1.0)
        breaker.note_failure(1.0)
        assert (breaker.closed, breaker.state, breaker.n_opened) == (True, "closed", 0)
        breaker.note_failure(1.0)
        assert (breaker.closed, breaker.state, breaker.n_opened) == (False, "open", 1)

    def test_a_success_in_between_begins_the_count_again(self) -> None:
        breaker = Breaker(BreakerConfig(failures=2))
        for _ in range(10):
            breaker.note_failure(1.0)
            breaker.note_success()
        assert breaker.closed
        assert breaker.n_failures == 0

    def test_zero_never_opens_it(self) -> None:
        breaker = Breaker(BreakerConfig(failures=0))
        for _ in range(1000):
            breaker.note_failure(1.0)
        assert (breaker.closed, breaker.n_opened) == (True, 0)

    def test_nobody_is_told_to_wait(self) -> None:
        assert Breaker(BreakerConfig()).retry_after_s(5.0) == 0.0


class TestOpen:
    def test_nobody_passes_before_the_pause_is_over(self) -> None:
        breaker = opened(open_s=0.5)
        assert breaker.try_probe(100.0) == 0
        assert breaker.try_probe(100.49) == 0
        assert breaker.try_probe(100.5) > 0

    def test_it_says_how_long_to_wait(self) -> None:
        breaker = opened(open_s=0.5)
        assert breaker.retry_after_s(100.125) == 0.375
        assert breaker.retry_after_s(109.0) == 0.0

    def test_failures_of_requests_already_on_their_way_do_not_lengthen_the_pause(self) -> None:
        breaker = opened(open_s=0.5)
        for _ in range(50):
            breaker.note_failure(100.4)
        assert breaker.retry_after_s(100.4) == pytest.approx(0.1)
        assert breaker.n_opened == 1

    def test_a_success_of_a_request_already_on_its_way_closes_it(self) -> None:
        breaker = opened()
        breaker.note_success()
        assert (breaker.closed, breaker.state, breaker.n_failures) == (True, "closed", 0)

    def test_the_count_of_failures_is_above_zero_so_that_a_success_is_never_overlooked(self) -> None:
        assert opened().n_failures > 0

    def test_the_first_pause_is_never_longer_than_the_longest(self) -> None:
        assert opened(open_s=5.0, longest_s=2.0).retry_after_s(100.0) == 2.0


class TestHalfOpen:
    def test_one_probe_goes_at_a_time(self) -> None:
        breaker = opened(open_s=0.5)
        assert breaker.try_probe(101.0)
        assert breaker.state == "half_open"
        assert [breaker.try_probe(101.0 + second) for second in range(100)] == [0] * 100

    def test_a_probe_that_succeeds_closes_it(self) -> None:
        breaker = opened()
        breaker.try_probe(101.0)
        breaker.note_success()
        assert (breaker.closed, breaker.state) == (True, "closed")

    def test_the_pause_doubles_with_each_failed_probe_up_to_the_longest(self) -> None:
        breaker = opened(open_s=0.5, longest_s=3.0)
        now_s, pauses = 100.0, []
        for _ in range(5):
            pauses.append(breaker.retry_after_s(now_s))
            now_s += pauses[-1]
            breaker.note_failure(now_s, breaker.try_probe(now_s))
        assert pauses == [0.5, 1.0, 2.0, 3.0, 3.0]
        assert breaker.n_opened == 1

    def test_success_takes_the_pause_back_to_the_first(self) -> None:
        breaker = opened(open_s=0.5)
        for now_s in (101.0, 103.0, 106.0):
            breaker.note_failure(now_s, breaker.try_probe(now_s))
        assert breaker.retry_after_s(106.0) == 4.0
        breaker.note_success()
        breaker.note_failure(200.0)
        assert breaker.retry_after_s(200.0) == 0.5
        assert breaker.n_opened == 2

    def test_a_probe_whose_caller_goes_away_gives_its_turn_back(self) -> None:
        breaker = opened(open_s=0.5)
        breaker.release_probe(breaker.try_probe(101.0))
        assert breaker.state == "open"
        assert breaker.try_probe(101.0)

    def test_those_refused_meanwhile_are_told_the_pause_that_would_follow(self) -> None:
        breaker = opened(open_s=0.5)
        breaker.try_probe(101.0)
        assert breaker.retry_after_s(101.0) == 1.0

    def test_a_failure_that_is_not_the_probes_does_not_end_its_turn(self) -> None:
        breaker = opened(open_s=0.5)
        breaker.try_probe(101.0)
        breaker.note_failure(101.1)
        assert breaker.state == "half_open"

    @pytest.mark.parametrize("end", ["failure", "release"])
    def test_an_overtaken_probe_does_not_end_the_turn_of_a_later_one(self, end: str) -> None:
        breaker = opened(open_s=0.5)
        old = breaker.try_probe(101.0)
        breaker.note_success()
        breaker.note_failure(102.0)
        assert breaker.try_probe(103.0)
        if end == "failure":
            breaker.note_failure(103.1, old)
        else:
            breaker.release_probe(old)
        assert breaker.state == "half_open"
        assert breaker.try_probe(104.0) == 0
