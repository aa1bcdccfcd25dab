"""Which shadows go on from a checkpoint, which begin anew, what is told of it; no exchange goes uncounted."""

from __future__ import annotations

import msgspec
import pytest

from sidecar.config.shadow import FieldConfig, MarginConfig, RampConfig, ShadowConfig
from sidecar.log import Log
from sidecar.mirror.resuming import Resuming
from sidecar.mirror.shadow import LOST, Shadow

UPSTREAM, OTHER_UPSTREAM = "http://127.0.0.1:1", "http://127.0.0.1:3"
LIFE, OTHER_LIFE = 1_700_000_000_000_000_000, 1_800_000_000_000_000_000


class Told(Log):
    """Keeps the lines."""

    def __init__(self):
        super().__init__("t", "json")
        self.lines = []

    def info(self, event, **fields):
        self.lines.append((event, fields))

    def warning(self, event, **fields):
        self.lines.append((event, fields))


def config(**settings):
    return ShadowConfig(**{"name": "s", "url": "http://127.0.0.1:2", **settings})


class Monitor:
    """Shadows of one life, and what was settled."""

    def __init__(self, *configs, saved=None, n_settled=0, now_s=0.0, upstream=UPSTREAM, sidecar=LIFE):
        self.told = Told()
        self.shadows = [Shadow(each, 1 << 20, now_s) for each in configs]
        self.resuming = Resuming(self.shadows, upstream, sidecar)
        self.n_faults = self.resuming.restore(saved, n_settled, now_s, self.told)

    def save(self, now_s=0.0):
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self.resuming.to_state(now_s)))

    @property
    def events(self):
        return [event for event, _ in self.told.lines]


@pytest.fixture
def saved(job, answer):
    """A shadow with three pairs, one of them noise, and one exchange that was skipped."""
    monitor = Monitor(config(noise_ratio=1.0, redact=("y",)))
    (shadow,) = monitor.shadows
    for number in range(3):
        assert shadow.take(job(number), 0.0)
        shadow.end(job(number), answer(float(number)), 0.0)
    assert shadow.take_noise(job(1))
    shadow.end_noise(job(1), answer(1.0))
    shadow.skip("cut")
    return monitor.save()


class TestAShadow:
    def test_goes_on_and_says_so(self, saved):
        monitor = Monitor(config(noise_ratio=1.0, redact=("y",)), saved=saved, n_settled=4)
        told = monitor.shadows[0].to_json()
        assert (told["compared"], told["skipped"], told["ended"]) == (3, {"cut": 1}, {"answered": 3})
        assert monitor.told.lines == [("shadow_resumed", {"shadow": "s", "compared": 3})]

    @pytest.mark.parametrize(
        "settings",
        [
            {"ratio": 0.5},
            {"ramp": (RampConfig(after_s=0.0, ratio=0.1),)},
            {"most_per_s": 5.0},
            {"concurrency": 2},
            {"noise_ratio": 0.1},
            {"margins": MarginConfig(disagreement=0.5)},
            {"alpha": 0.01},
            {"exemplars": 1},
            {"enabled": False},
        ],
        ids=lambda settings: next(iter(settings)),
    )
    def test_goes_on_where_what_is_compared_stays_the_same(self, saved, settings):
        now = {"noise_ratio": 1.0, "redact": ("y",), **settings}
        monitor = Monitor(config(**now), saved=saved, n_settled=4)
        assert (monitor.events, monitor.shadows[0].comparison.compared) == (["shadow_resumed"], 3)

    @pytest.mark.parametrize(
        "settings",
        [
            {"url": "http://127.0.0.1:4"},
            {"host": "other"},
            {"headers": {"x-model": "other"}},
            {"routes": ("/other",)},
            {"timeout_s": 1.0},
            {"answer_bytes": 1000},
            {"noise_ratio": 0.0},
            {"fields": (FieldConfig(name="y", absolute=0.1),)},
        ],
        ids=lambda settings: next(iter(settings)),
    )
    def test_begins_anew_where_something_else_is_compared_and_tells_why(self, saved, settings):
        now = {"noise_ratio": 1.0, "redact": ("y",), **settings}
        monitor = Monitor(config(**now), saved=saved, n_settled=4)
        (name,) = settings
        assert monitor.told.lines == [("shadow_anew", {"shadow": "s", "changed": name, "compared": 3})]
        assert monitor.shadows[0].to_json() == Monitor(config(**now)).shadows[0].to_json()
        assert monitor.n_faults == 0

    def test_begins_anew_beside_another_primary(self, saved):
        monitor = Monitor(
            config(noise_ratio=1.0, redact=("y",)), saved=saved, n_settled=4, upstream=OTHER_UPSTREAM
        )
        assert monitor.told.lines == [("shadow_anew", {"shadow": "s", "changed": "upstream", "compared": 3})]

    def test_that_is_no_longer_configured_is_dropped(self, saved):
        monitor = Monitor(config(name="other"), saved=saved)
        assert monitor.told.lines == [("shadow_dropped", {"shadow": "s", "compared": 3})]
        assert Monitor(saved=saved).events == ["shadow_dropped"]

    def test_finds_its_own_state_among_others(self, job, answer):
        before = Monitor(config(name="a"), config(name="b"))
        before.shadows[1].take(job(1), 0.0)
        before.shadows[1].end(job(1), answer(1.0), 0.0)
        after = Monitor(config(name="b"), config(name="a"), saved=before.save(), n_settled=1)
        assert [shadow.comparison.compared for shadow in after.shadows] == [1, 0]

    def test_is_as_old_as_it_was(self, job):
        ramp = (RampConfig(after_s=0.0, ratio=0.0), RampConfig(after_s=100.0, ratio=1.0))
        before = Monitor(config(ramp=ramp), now_s=1000.0)
        after = Monitor(config(ramp=ramp), saved=before.save(1060.0), now_s=5.0)
        assert [after.shadows[0].take(job(number), now_s) for number, now_s in ((1, 44.0), (2, 46.0))] == [
            False,
            True,
        ]

    @pytest.mark.parametrize(
        ("configured", "switched", "configured_now", "enabled"),
        [
            (True, False, True, False),  # who switched it off is obeyed, whoever dies
            (False, True, False, True),
            (True, False, False, False),
            (False, False, True, True),  # the settings were changed since, and count
        ],
    )
    def test_that_was_switched_stays_so(self, configured, switched, configured_now, enabled):
        before = Monitor(config(enabled=configured))
        before.shadows[0].enabled = switched
        after = Monitor(config(enabled=configured_now), saved=before.save())
        assert after.shadows[0].enabled is enabled

    def test_tells_no_verdict_twice(self):
        before = Monitor(config())
        before.shadows[0].told_verdict = "worse"
        assert Monitor(config(), saved=before.save()).shadows[0].told_verdict == "worse"


class TestValues:
    """That are hidden, or have been since."""

    @pytest.mark.parametrize("redact", [(), ("y",), ("y", "x")])
    def test_of_before_are_not_taken_over_when_other_ones_are_hidden_now(self, job, answer, redact):
        before = Monitor(config(redact=("x",)))
        for number in range(3):
            before.shadows[0].comparison.add(job(number, answer(1.0)), answer(float(number)))
        assert before.shadows[0].to_json()["exemplars"]
        after = Monitor(config(redact=redact), saved=before.save()).shadows[0].to_json()
        assert (after["compared"], after["exemplars"]) == (3, [])
        assert after["fields"][0]["rank_correlation"] is None
        assert after["disagreement"] == before.shadows[0].to_json()["disagreement"]

    def test_that_are_hidden_are_in_no_checkpoint(self, job, answer):
        before = Monitor(config(redact=("x", "y")))
        body = (
            b'{"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": ["Alice"]},'
            b' {"name": "z", "datatype": "BYTES", "shape": [1], "data": ["seen"]}]}'
        )
        for number in range(300):
            before.shadows[0].comparison.add(job(number, answer(0.1234567), body=body), answer(0.7654321))
        (packed,) = before.save()["shadows"]
        assert b"seen" in packed
        told = msgspec.msgpack.decode(packed)["comparison"]
        for hidden in (0.1234567, 0.7654321):
            assert msgspec.msgpack.encode(hidden)[1:] not in packed
            assert msgspec.msgpack.encode(hidden)[:0:-1] not in packed
        assert b"Alice" not in packed
        assert told["outputs"]["outputs"][0]["meter"]["rows"] == 300


class TestEveryExchange:
    def take(self, shadow, job, answer, numbers):
        for number in numbers:
            assert shadow.take(job(number), 0.0)
            shadow.end(job(number), answer(1.0), 0.0)

    def test_since_the_last_checkpoint_is_counted_as_lost(self, job, answer):
        before = Monitor(config(), n_settled=100)
        (shadow,) = before.shadows
        self.take(shadow, job, answer, range(5))
        shadow.skip("cut")
        saved = before.save()
        after = Monitor(config(), saved=saved, n_settled=100 + 6 + 4).shadows[0]
        assert (after.ended, after.skipped) == ({"answered": 5}, {"cut": 1, LOST: 4})
        assert after.offered == 10

    def test_that_was_on_its_way_has_ended_nobody_knows_how(self, job, answer):
        before = Monitor(config(noise_ratio=1.0))
        (shadow,) = before.shadows
        self.take(shadow, job, answer, range(2))
        for number in (7, 8):
            assert shadow.take(job(number), 0.0)
        assert shadow.take_noise(job(7))
        told = Monitor(config(noise_ratio=1.0), saved=before.save(), n_settled=4).shadows[0].to_json()
        assert (told["ended"], told["skipped"]) == ({"answered": 2, LOST: 2}, {})
        assert (told["asked_again"], told["mirrored"], told["in_flight"]) == ({LOST: 1}, 4, 0)

    def test_is_counted_once_through_many_lives(self, job, answer):
        n_settled, saved, told = 50, None, []
        for n_taken, n_after_the_checkpoint in ((3, 2), (0, 0), (1, 5), (4, 1)):
            monitor = Monitor(config(), saved=saved, n_settled=n_settled)
            told.append(monitor.shadows[0].offered)
            self.take(monitor.shadows[0], job, answer, range(n_taken))
            saved = monitor.save()
            n_settled += n_taken + n_after_the_checkpoint
        assert told == [0, 5, 5, 11]
        last = Monitor(config(), saved=saved, n_settled=n_settled).shadows[0]
        assert (last.offered, last.skipped) == (16, {LOST: 8})

    def test_of_another_run_of_the_sidecar_is_not_guessed_at(self, job, answer):
        before = Monitor(config(), n_settled=100)
        self.take(before.shadows[0], job, answer, range(5))
        after = Monitor(config(), saved=before.save(), n_settled=0, sidecar=OTHER_LIFE)
        assert (after.shadows[0].offered, after.shadows[0].skipped) == (5, {})
        self.take(after.shadows[0], job, answer, range(2))
        third = Monitor(config(), saved=after.save(), n_settled=3, sidecar=OTHER_LIFE)
        assert (third.shadows[0].offered, third.shadows[0].skipped) == (8, {LOST: 1})


class TestAStateThatCannotBeUsed:
    def test_of_another_format_is_counted_and_told(self, saved):
        state = msgspec.msgpack.decode(saved["shadows"][0])
        packed = msgspec.msgpack.encode({**state, "format": 2})
        monitor = Monitor(config(), saved={**saved, "shadows": [packed]})
        assert monitor.told.lines == [
            ("checkpoint_ignored", {"reason": "shadow 's': expected format 1, got 2"})
        ]
        assert monitor.n_faults == 1

    def test_costs_no_other_shadow_its_own(self, job, answer):
        before = Monitor(config(name="a"), config(name="b"))
        for shadow in before.shadows:
            shadow.comparison.add(job(1), answer(1.0))
        saved = before.save()
        state = msgspec.msgpack.decode(saved["shadows"][0])
        state["comparison"]["latencies"][0] = [b"\xff" * 4, b"\x01\x01"]
        saved["shadows"][0] = msgspec.msgpack.encode(state)
        after = Monitor(config(name="a"), config(name="b"), saved=saved)
        assert [shadow.comparison.compared for shadow in after.shadows] == [0, 1]
        assert after.told.lines[0] == (
            "checkpoint_ignored",
            {"reason": "shadow 'a': expected a whole state, got ValueError"},
        )
        assert after.n_faults == 1

    @pytest.mark.parametrize("odd", [3, {}, {"shadows": []}, {"sidecar_unix_ns": 1, "shadows": 3}])
    def test_may_be_anything(self, odd):
        monitor = Monitor(config(), saved=odd)
        assert (monitor.n_faults, monitor.events) == (1, ["checkpoint_ignored"])

    def test_may_hold_anything(self):
        monitor = Monitor(config(), saved={"sidecar_unix_ns": 1, "shadows": [None, 3, b"", "x"]})
        assert (monitor.n_faults, set(monitor.events)) == (4, {"checkpoint_ignored"})

    def test_is_none_at_the_first_start_and_before_there_were_any(self):
        monitor = Monitor(config(), saved=None, n_settled=7)
        assert (monitor.n_faults, monitor.told.lines, monitor.shadows[0].settled_before) == (0, [], 7)
