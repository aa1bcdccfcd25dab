from __future__ import annotations

from sidecar.mirror.bounds import Budget, TokenBucket


def taken(bucket, now_s, asked=1000):
    return sum(bucket.take(now_s) for _ in range(asked))


def test_a_burst_of_a_second_and_then_the_rate():
    bucket = TokenBucket(10.0)
    assert taken(bucket, 100.0) == 10
    assert taken(bucket, 100.5) == 5
    assert taken(bucket, 1000.0) == 10


def test_less_than_one_a_second():
    bucket = TokenBucket(0.5)
    assert [taken(bucket, second) for second in (0.0, 1.0, 2.0, 3.0, 4.0)] == [1, 0, 1, 0, 1]


def test_a_clock_that_goes_back_gives_nothing():
    bucket = TokenBucket(10.0)
    taken(bucket, 100.0)
    assert taken(bucket, 50.0) == 0
    assert taken(bucket, 100.25) == 2


def test_what_is_owed_is_worked_off_before_there_is_one_again():
    bucket = TokenBucket(10.0)
    bucket.owe(35)
    assert [bucket.has_one(second) for second in (0.0, 2.5, 2.6)] == [False, False, True]
    bucket.owe(0)
    assert taken(bucket, 1000.0) == 10


def test_requests_and_bytes_are_bounded_apart():
    budget = Budget(2, 100)
    assert [budget.reserve(40), budget.reserve(70), budget.reserve(60), budget.reserve(0)] == [
        True,
        False,
        True,
        False,
    ]
    budget.release(60)
    assert budget.reserve(10)
    assert (budget.requests, budget.held_bytes) == (2, 50)
