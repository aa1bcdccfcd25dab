from __future__ import annotations

import json
from collections import Counter

import pytest

from sidecar.config.shadow import RampConfig, ShadowConfig
from sidecar.config.traffic import BreakerConfig
from sidecar.mirror.shadow import Shadow
from tests.support.looks import looked_at


def shadow(**settings):
    return Shadow(ShadowConfig(name="s", url="http://127.0.0.1:1", **settings), 1 << 20, 0.0)


@pytest.mark.parametrize(
    ("settings", "details", "reason"),
    [
        ({"enabled": False}, {}, "disabled"),
        ({"routes": ("/other",)}, {}, "route"),
        ({}, {"path": "/metrics"}, "not_inference"),
        ({}, {"body": b'"shared_memory_region"'}, "shared_memory"),
        ({"ratio": 0.0}, {}, "sampled_out"),
        ({"ramp": (RampConfig(after_s=10.0, ratio=1.0),)}, {}, "sampled_out"),
        ({"waiting_bytes": 5}, {}, "busy"),
    ],
)
def test_why_a_job_is_not_sent(job, settings, details, reason):
    refusing = shadow(**settings)
    assert not refusing.take(job(**details), 1.0)
    assert refusing.skipped == {reason: 1}


def test_a_body_is_not_searched_for_a_shadow_that_does_not_want_it(job):
    refusing = shadow(ratio=0.0)
    assert not refusing.take(job(body=b'"shared_memory_region"'), 1.0)
    assert refusing.skipped == {"sampled_out": 1}


def test_a_route_of_the_allow_list_need_be_no_inference(job):
    assert shadow(routes=("/score/*",)).take(job(path="/score/now"), 0.0)


def test_more_a_second_than_allowed(job):
    slow = shadow(most_per_s=2.0)
    assert [slow.take(job(number), 10.0) for number in range(3)] == [True, True, False]
    assert slow.skipped == {"rate": 1}


def test_longer_answers_than_allowed_are_worked_off_first(job):
    long_winded = shadow(answer_bytes_per_s=1000)
    assert long_winded.take(job(1), 10.0)
    for _ in range(4):
        long_winded.note_read(700)
    assert [long_winded.take(job(number), now_s) for number, now_s in ((2, 11.0), (3, 11.7), (4, 12.0))] == [
        False,
        False,
        True,
    ]
    assert long_winded.skipped == {"answer_bytes": 2}


def test_a_flood_opens_the_breaker(job, answer):
    flooding = shadow(breaker=BreakerConfig(failures=2, open_s=1.0))
    for number in (1, 2):
        assert flooding.take(job(number), 0.0)
        flooding.end(job(number), answer(failure="too_long"), 0.0)
    assert not flooding.take(job(3), 0.5)
    assert flooding.skipped == {"breaker_open": 1}


def test_more_at_once_than_allowed(job, answer):
    busy = shadow(concurrency=1)
    assert busy.take(job(1), 0.0)
    assert not busy.take(job(2), 0.0)
    busy.end(job(1), answer(1.0), 0.0)
    assert busy.take(job(3), 0.0)
    assert (busy.skipped, busy.in_flight) == ({"busy": 1}, 1)


def test_an_open_breaker_lets_one_probe_through_after_its_pause(job, answer):
    failing = shadow(breaker=BreakerConfig(failures=2, open_s=1.0))
    for number in (1, 2):
        assert failing.take(job(number), 0.0)
        failing.end(job(number), answer(failure="connect", status=0), 0.0)
    assert not failing.take(job(3), 0.5)
    assert failing.take(job(4), 1.5)
    assert not failing.take(job(5), 1.5)
    failing.end(job(4), answer(1.0), 1.6)
    assert failing.take(job(6), 1.7)
    assert failing.skipped == {"breaker_open": 2}


def test_a_status_of_its_own_is_no_failure_of_the_connection(job, answer):
    erring = shadow(breaker=BreakerConfig(failures=1, open_s=100.0))
    for number in (1, 2):
        assert erring.take(job(number), 0.0)
        erring.end(job(number), answer(status=500), 0.0)


def test_every_job_is_accounted_for(job, answer):
    some = shadow(ratio=0.5, concurrency=5)
    for number in range(100):
        if some.take(job(number), 0.0) and number % 3:
            some.end(job(number), answer(1.0, failure=None if number % 2 else "timeout"), 0.0)
    found = some.to_json()
    json.dumps(found, allow_nan=False)
    assert found["mirrored"] == found["in_flight"] + sum(found["ended"].values())
    assert found["mirrored"] + sum(found["skipped"].values()) == 100


def test_a_share_of_the_jobs_is_asked_of_the_primary_again(job):
    wanted = Counter(shadow(noise_ratio=0.1).wants_noise(job(number)) for number in range(5000))
    assert wanted[True] / 5000 == pytest.approx(0.1, abs=0.02)


def test_a_probe_that_is_given_up_makes_room_for_the_next(job, answer):
    failing = shadow(breaker=BreakerConfig(failures=1, open_s=1.0))
    assert failing.take(job(1), 0.0)
    failing.end(job(1), answer(failure="connect", status=0), 0.0)
    assert failing.take(job(2), 2.0)
    failing.give_up(job(2))
    assert failing.take(job(3), 2.0)
    assert failing.ended == {"connect": 1, "given_up": 1}


def test_what_is_given_up_is_no_error_of_the_shadow(job):
    ending = shadow()
    assert ending.take(job(1), 0.0)
    ending.give_up(job(1))
    found = ending.to_json()
    assert (found["mirrored"], found["in_flight"], found["errors"]["shadow"]) == (1, 0, 0)


def test_the_primary_is_asked_again_within_a_budget_of_its_own(job, answer):
    noisy = shadow(noise_ratio=1.0, concurrency=1)
    assert noisy.take_noise(job(1))
    assert not noisy.take_noise(job(2))
    noisy.end_noise(job(1), answer(1.0))
    assert noisy.take_noise(job(3))
    noisy.give_up_noise(job(3))
    assert noisy.to_json()["asked_again"] == {"busy": 1, "answered": 1, "given_up": 1}
    assert noisy.to_json()["disagreement"]["noise_pairs"] == 1


def test_a_fault_of_ours_is_counted_under_the_shadow(job, answer):
    odd = shadow()
    assert odd.take(job(1), 0.0)
    with pytest.raises(ValueError, match="NaN"):
        odd.end(job(1), answer(1.0, latency_s=float("nan")), 0.0)
    found = odd.to_json()
    assert (found["ended"], found["compared"]) == ({"answered": 1}, 0)
    assert found["uncompared"] == {"failed": 0, "undecoded": 0, "fault": 1}


@pytest.mark.parametrize("look", [Shadow.summary, Shadow.to_json], ids=["summary", "to_json"])
def test_what_is_told_is_told_between_two_pairs(job, answer, look):
    busy = shadow(most_per_s=1e9)
    torn = []

    def watch():
        told = look(busy)
        statuses = sum(entry["count"] for entry in told["statuses"])
        counts = (
            sum(told["ended"].values()),
            told["compared"] + sum(told["uncompared"].values()),
            statuses,
        )
        if len(set(counts)) > 1:
            torn.append(counts)

    with looked_at(watch) as look_again:
        for number in range(2000):
            given = job(number, answer(float(number)))
            assert busy.take(given, float(number))
            look_again()
            busy.end(given, answer(float(number % 2), status=200 + 300 * (number % 5 == 0)), float(number))
    assert torn == []
