"""Whole monitors of one model: what their snapshots hold together is what one monitor over all rows holds."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgpack
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.load import load_config
from sidecar.config.model import Config
from sidecar.drift.fleet import fleet_effects
from sidecar.drift.fleet_alarm import FleetAlarm, fleet_alarms
from sidecar.monitor.quality_alarm import fleet_verdicts
from sidecar.monitor.subjects import Subjects
from sidecar.monitor.views import Views
from sidecar.payload.columns import Columns, intern_schema
from sidecar.profile import fourier, joint_reference
from sidecar.profile.codec import seal
from sidecar.profile.embedding import lay_out
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.reference import Reference
from sidecar.profile.snapshot import Snapshot, SubjectPart
from sidecar.profile.snapshot_codec import decode, encode
from sidecar.profile.snapshot_window import (
    end_of,
    horizons_of,
    joint_totals,
    quality_evidence,
    quality_panes,
    window_sum,
)
from sidecar.quality.fleet import fleet_quality
from sidecar.quality.report import QualityReport
from tests.support.fleet import grouped, merged
from tests.support.panes import contents
from tests.support.pushing import push
from tests.support.views import views_of

NS = 1_000_000_000
START = 1_700_000_000 * NS
DIMENSION = 20
SCHEMA = intern_schema(
    ("x", "y", *(f"e[{number}]" for number in range(DIMENSION)), "c"),
    (*["numeric"] * (2 + DIMENSION), "categorical"),
)
CONFIG = load_config(
    "{window: {pane_s: 1, lateness_s: 3, horizons_s: [100, 1000], min_rows: 20},"
    " multivariate: {embedding_columns: 16}}"
)
SHORT = load_config(
    "{window: {pane_s: 1, lateness_s: 3, horizons_s: [10, 1000], min_rows: 20},"
    " multivariate: {embedding_columns: 16}, alarm: {false_alarm_days: 0.001}}"
)
KEY = ("m", "1", "input")


def reference() -> Reference:
    """Numbers, categories and an embedding, with how they go together."""
    layout = lay_out(3 + DIMENSION, [("e", 2, DIMENSION)])
    columns = [
        FeatureSpec(name, "input", "numeric") for name in ("x", "y", *(f"e[{n}]" for n in range(DIMENSION)))
    ]
    specs = layout.name_features([*columns, FeatureSpec("c", "input", "categorical")])
    raw = np.random.default_rng(3).normal(size=(600, 3 + DIMENSION))
    raw[:, -1] = np.arange(600) % 2 + 1
    rows, (vectors,) = layout.reduce(raw)
    features = learn_reference(
        specs, rows, [("red", "blue") if spec.kind == "categorical" else () for spec in specs]
    )
    joint = joint_reference.build_joint(features, rows, 128)
    embedding = fourier.build_fourier("e", DIMENSION, vectors.products, vectors.states)
    assert joint is not None
    assert embedding is not None
    parts = {
        "joint_input": joint_reference.pack_joint(joint),
        "embedding_e": fourier.pack_fourier(embedding),
    }
    return seal(600, features, created_unix_s=0.0, provenance={}, parts=parts)


REFERENCE = reference()


def request(rng: random.Random, shift: float = 0.0) -> Columns:
    """Some rows, one feature moved, with values that are missing, out of range, repeated or unseen."""
    n = rng.randint(1, 5)
    matrix = np.random.default_rng(rng.randrange(2**32)).normal(size=(n, 2 + DIMENSION))
    matrix[:, 0] += shift
    matrix[rng.randrange(n), rng.randrange(2)] = rng.choice([np.nan, 40.0, -40.0, 1.0, np.inf])
    matrix[-1] = matrix[0]
    texts = [rng.choice(["red", "blue", "green", f"new{rng.randrange(20)}"]) for _ in range(n)]
    return Columns("v2", "request", "m", "1", None, n, SCHEMA, matrix, (texts,), ())


@dataclass
class Monitor:
    """One monitor: requests come in, it tells, it is killed and goes on from its checkpoint."""

    name: str
    epoch: int = 1
    saved: Any = None
    config: Config = CONFIG
    subjects: Subjects = field(init=False)
    views: Views = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = Subjects(self.config, REFERENCE, lambda: None, self.epoch)
        self.views = views_of(self.subjects, origin=self.name)

    def take(self, columns: Columns, unix_ns: int, exchange_id: int) -> None:
        assert push(self.subjects, columns, "input", "m", "1", unix_ns, exchange_id)
        for subject in self.subjects.all():
            subject.ring.drain(partial(subject.add, now_unix_ns=unix_ns))

    def tell(self, now_unix_ns: int) -> Snapshot:
        for subject in self.subjects.all():
            subject.judge(now_unix_ns)
        return decode(self.views.snapshot(), self.name)

    def save(self) -> None:
        self.saved = msgpack.packb(self.subjects.to_state())

    def die(self) -> None:
        self.epoch += 1
        self.resume()

    def resume(self) -> None:
        self.__post_init__()
        assert self.subjects.restore(msgpack.unpackb(self.saved, strict_map_key=False)) == []


def quality_of(part: SubjectPart) -> QualityReport:
    return fleet_quality("input", REFERENCE.features, quality_panes(part, 10**6 * NS, START))


def counted(part: SubjectPart) -> dict[str, Any]:
    """All that does not depend on the order in which rows came to one monitor."""
    horizon_ns = horizons_of(part)[-1]
    total = window_sum(part, horizon_ns, end_of(part, horizon_ns))
    (joint,) = joint_totals(part, horizon_ns, end_of(part, horizon_ns))
    quality = quality_of(part)
    assert total is not None
    return {
        "panes": contents(total),
        "joint": {**joint.pane.to_state(), "first": 0, "last": 0},
        "rates": [
            (count.rate.name, count.rate.feature, count.successes, count.trials)
            for count in quality.counts
            if count.rate.name not in ("constant", "duplicate_rows")
        ],
        "passed_over": sum(pane.passed_over for pane in quality_panes(part, 10**6 * NS, START)).tolist(),
        "rows": (quality.rows, quality.distinct_rows),
        "unseen": quality.unseen,
    }


def judged(part: SubjectPart) -> dict[str, Any]:
    """Effect sizes of what the features do together."""
    (total,) = joint_totals(part, horizons_of(part)[-1], end_of(part, horizons_of(part)[-1]))
    names = [feature.spec.name for feature in REFERENCE.features]
    return fleet_effects(total.space, names, total.pane, CONFIG.window.min_rows).to_json()


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=5)
def test_a_fleet_knows_what_its_monitors_hold_against_data_quality(seed: int) -> None:
    rng = random.Random(seed)
    pods = [Monitor(f"pod{number}", config=SHORT) for number in range(2)]
    now = START
    for number in range(rng.randint(10, 40)):
        now += rng.randint(0, NS)
        pods[number % 2].take(request(rng, 20.0), now, number)
    told = [pod.tell(now) for pod in pods]
    part = grouped(told, rng).subjects[KEY]
    evidence = quality_evidence(part, 10 * NS, now)
    assert len(evidence) == 2
    means = np.exp([one.log_e for one in evidence]).mean(axis=0)
    verdicts = fleet_verdicts(evidence)
    assert verdicts
    for place, verdict in verdicts.items():
        assert np.exp(-np.inf if verdict.log_e is None else verdict.log_e) == pytest.approx(means[place])


def alarm_of(part: SubjectPart) -> FleetAlarm:
    (alarm,) = fleet_alarms(REFERENCE.features, {name: o.accounts for name, o in part.origins.items()})
    return alarm


def evidence_of(part: SubjectPart) -> list[Any]:
    """Of a fleet's alarm: how much, which way and since when."""
    found, (threshold, log_e) = [], (alarm_of(part).evidence.log_e_threshold, alarm_of(part).evidence.log_e)
    for place, moved in enumerate(alarm_of(part).evidence.moved):
        since = alarm_of(part).evidence.since_unix_s[place]
        sizes = None if moved is None else (moved.at, moved.direction, moved.share, moved.new_share, since)
        found.append((float(log_e[place]), threshold, sizes))
    return found


def own_evidence(monitor: Monitor) -> list[Any]:
    """The same of the verdicts that a monitor shows itself."""
    (report,) = [subject.report for subject in monitor.subjects.all()]
    assert report is not None
    found = []
    for verdict in report.verdicts:
        moved, log_e = verdict.moved, -np.inf if verdict.log_e is None else verdict.log_e
        sizes = (
            None
            if moved is None
            else (moved.at, moved.direction, moved.share, moved.new_share, verdict.since_unix_s)
        )
        found.append((log_e, verdict.log_e_threshold, sizes))
    return found


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=8)
def test_a_fleet_that_is_asked_in_time_alarms_as_one_monitor_over_all_rows(seed: int) -> None:
    rng = random.Random(seed)
    pods = [Monitor(f"pod{number}", config=SHORT) for number in range(rng.randint(2, 4))]
    whole = Monitor("whole", config=SHORT)
    told, now = [], START
    shift = rng.choice([0.0, 3.0])
    for number in range(rng.randint(30, 120)):
        now += rng.randint(0, NS)
        columns = request(rng, shift)
        pod = rng.choice(pods)
        pod.take(columns, now, number)
        whole.take(columns, now, number)
        if number % 10 == 0:  # no pane leaves what is told unasked
            told += [pod.tell(now) for pod in pods if pod.subjects.all()]
    end = now + 10 * NS  # all panes have closed
    told += [pod.tell(end) for pod in pods if pod.subjects.all()]
    fleet = grouped(told, rng)
    assert encode(fleet) == encode(merged(told))
    whole.tell(end)
    assert alarm_of(fleet.subjects[KEY]).start_unix_ns == 0
    assert evidence_of(fleet.subjects[KEY]) == own_evidence(whole)


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=8)
def test_a_monitor_that_is_killed_and_seldom_asked_tells_the_evidence_that_it_shows(seed: int) -> None:
    rng = random.Random(seed)
    pod, told, now = Monitor("pod", config=SHORT), [], START
    for number in range(rng.randint(30, 120)):
        now += rng.randint(0, 2 * NS)
        pod.take(request(rng, 1.0), now, number)
        match rng.choice(["take"] * 12 + ["tell", "save", "die"]):
            case "tell":
                told.append(pod.tell(now))
            case "save":
                pod.save()
            case "die" if pod.saved is not None:
                pod.die()
    now += 10 * NS
    last = pod.tell(now)
    fleet = grouped([*told, last], rng)
    assert encode(fleet) == encode(merged([*told, last]))
    for held in (fleet, last):
        assert evidence_of(held.subjects[KEY]) == own_evidence(pod)


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=15)
def test_a_fleet_holds_what_one_monitor_over_all_rows_holds(seed: int) -> None:
    rng = random.Random(seed)
    pods = [Monitor(f"pod{number}") for number in range(rng.randint(2, 4))]
    whole = Monitor("whole")
    told, now = [], START
    for number in range(rng.randint(5, 40)):
        now += rng.randint(0, NS)
        columns = request(rng)
        pod = rng.choice(pods)
        pod.take(columns, now, number)
        whole.take(columns, now, number)
        if rng.random() < 0.3:
            told.append(pod.tell(now))
    end = now + 10 * NS  # all panes have closed
    told += [pod.tell(end) for pod in pods if pod.subjects.all()]
    fleet = grouped(told, rng)
    assert encode(fleet) == encode(merged(told))
    assert counted(fleet.subjects[KEY]) == counted(whole.tell(end).subjects[KEY])
    assert judged(fleet.subjects[KEY]) == judged(whole.tell(end).subjects[KEY])
    (report,) = [subject.report for subject in whole.subjects.all()]
    assert report is not None
    assert report.joint is not None
    assert judged(fleet.subjects[KEY]) == report.joint.to_json()
    assert {count.rate.name for count in quality_of(fleet.subjects[KEY]).counts} >= {"missing", "unseen"}


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=15)
def test_whoever_is_killed_when_the_fleet_holds_what_its_living_monitors_hold(seed: int) -> None:
    rng = random.Random(seed)
    pods = [Monitor(f"pod{number}") for number in range(rng.randint(1, 3))]
    told, now = [], START
    for number in range(rng.randint(10, 60)):
        now += rng.randint(0, NS)
        pod = rng.choice(pods)
        match rng.choice(["take", "take", "take", "tell", "tell", "save", "die"]):
            case "take":
                pod.take(request(rng), now, number)
            case "tell":
                told.append(pod.tell(now))
            case "save" if pod.subjects.all():  # who has not seen the model yet does not tell of it
                pod.save()
            case "die" if pod.saved is not None:
                pod.die()
    end = now + 10 * NS
    last = [pod.tell(end) for pod in pods]
    expected = encode(merged([*told, *last]))
    for turn in range(2):
        assert encode(grouped([*told, *last], random.Random(seed + turn))) == expected
    living = merged(last)
    fleet = decode(expected, "fleet")
    assert fleet.subjects.keys() >= living.subjects.keys()
    for key, part in living.subjects.items():
        assert counted(fleet.subjects[key]) == counted(part)


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=15)
def test_a_monitor_that_goes_on_from_its_checkpoint_changes_no_byte(seed: int) -> None:
    rng = random.Random(seed)
    asked, resumed = Monitor("pod"), Monitor("pod")
    now = START
    for number in range(rng.randint(2, 60)):
        now += rng.randint(0, NS)
        columns = request(rng)
        for monitor in (asked, resumed):
            monitor.take(columns, now, number)
        if rng.random() < 0.3:
            resumed.save()
            resumed.resume()
    states = [msgpack.packb(monitor.subjects.to_state()) for monitor in (asked, resumed)]
    assert states[0] == states[1]
    assert encode(asked.tell(now)) == encode(resumed.tell(now))


def test_the_pages_of_a_fleet_say_what_they_cannot_add() -> None:
    """Blocks of rows follow the order of arrival: their sum is that of every monitor's own blocks."""
    rng = random.Random(5)
    pods = [Monitor(f"pod{number}") for number in range(2)]
    for number in range(400):
        pods[number % 2].take(request(rng), START + number, number)
    told = [pod.tell(START + 10 * NS) for pod in pods]
    rows = [quality_of(snapshot.subjects[KEY]) for snapshot in told]
    blocks = sum(report.rows // 256 for report in rows)
    (repeated,) = (
        count
        for count in quality_of(merged(told).subjects[KEY]).counts
        if count.rate.name == "duplicate_rows"
    )
    assert repeated.trials == 256 * blocks > 0
    assert msgspec.msgpack.decode(encode(merged(told)))["subjects"][0]["origins"][1]["quality"]
