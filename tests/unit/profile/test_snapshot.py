from __future__ import annotations

import re
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from sidecar.errors import BadSnapshot
from sidecar.profile.account import Account
from sidecar.profile.beside import NOTHING_BESIDE, Beside
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.history import ClosedPanes
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane, at_rest
from sidecar.profile.snapshot import (
    Layout,
    Snapshot,
    merge,
    subject_name,
    subject_part,
)
from sidecar.profile.snapshot_codec import decode, encode
from sidecar.profile.snapshot_window import end_of, horizons_of, joint_totals, quality_panes, window_sum
from tests.support.accounts import account, numbers, terms_of
from tests.support.beside import beside_of, evidence, joint, quality, space_of

SPECS = [FeatureSpec("a", "input", "numeric")]
FEATURES = learn_reference(SPECS, np.arange(50.0)[:, None], [()])
TABLE = lane_table(SPECS, FEATURES)
LAYOUT = Layout.of(50, FEATURES)
KEY = ("m", "1", "input")


def granule(first: int, last: int, epoch: int = 1, rows: int = 0) -> RestingPane:
    pane = Pane.empty(10 * first, 10 * last + 10, 1, TABLE.lanes)
    pane.fill(TABLE, np.full((rows or last - first + 1, 1), 3.0))
    pane.drop_sketches()
    return at_rest(pane, first, last, epoch)


def told(
    *granules: RestingPane,
    epochs: tuple[tuple[int, int], ...] = ((1, 0),),
    origin: str = "pod",
    reference: str = "sha256:r",
    layout: Layout = LAYOUT,
    key: tuple[str, str | None, str] = KEY,
    beside: Beside = NOTHING_BESIDE,
    alarm: Account | None = None,
) -> Snapshot:
    newest = frozenset((1000, pane.first) for pane in granules[-1:])
    closed = ClosedPanes(epochs, ((1000, tuple(granules)),), newest)
    return Snapshot({key: subject_part(reference, layout, origin, closed, beside, alarm)})


def joined(*snapshots: Snapshot) -> Snapshot:
    return merge([(f"{number}.msgpack", snapshot) for number, snapshot in enumerate(snapshots)])


def covered(snapshot: Snapshot, origin: str = "pod") -> list[tuple[int, int, int]]:
    granules = snapshot.subjects[KEY].origins[origin].granules
    return [(granules[key].first, granules[key].last, granules[key].epoch) for key in sorted(granules)]


def rows_in(snapshot: Snapshot) -> int:
    total = window_sum(snapshot.subjects[KEY], 1000, 1000)
    return 0 if total is None else total.rows


def test_origins_are_added() -> None:
    fleet = joined(told(granule(1, 1), granule(2, 2)), told(granule(1, 1), origin="other"))
    assert rows_in(fleet) == 3
    assert list(fleet.subjects[KEY].origins) == ["pod", "other"]


def test_a_pane_told_twice_counts_once() -> None:
    fleet = joined(told(granule(1, 1), granule(2, 2)), told(granule(2, 2), granule(3, 3)))
    assert covered(fleet) == [(1, 1, 1), (2, 2, 1), (3, 3, 1)]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_granule_that_has_grown_replaces_what_it_was(turn: int) -> None:
    fleet = joined(*[told(granule(1, 2)), told(granule(1, 4))][::turn])
    assert covered(fleet) == [(1, 4, 1)]
    assert rows_in(fleet) == 4


@pytest.mark.parametrize("turn", [1, -1])
def test_what_a_killed_monitor_closed_behind_its_checkpoint_is_left_out(turn: int) -> None:
    """It had closed 4 when it was killed; its checkpoint was of 2, and its successor closed 3 anew."""
    dead = told(*(granule(number, number) for number in (1, 2, 3, 4)))
    alive = told(granule(2, 2), granule(3, 3, epoch=7, rows=5), epochs=((1, 0), (7, 2)))
    fleet = joined(*[dead, alive][::turn])
    assert covered(fleet) == [(1, 1, 1), (2, 2, 1), (3, 3, 7)]
    assert rows_in(fleet) == 7


def test_two_deaths_behind_one_checkpoint() -> None:
    first = told(granule(1, 1), granule(2, 2))
    second = told(granule(1, 1), granule(2, 2, epoch=5, rows=3), epochs=((1, 0), (5, 1)))
    third = told(granule(1, 1), granule(2, 2, epoch=9, rows=4), epochs=((1, 0), (9, 1)))
    assert covered(joined(first, second, third)) == [(1, 1, 1), (2, 2, 9)]
    assert covered(joined(third, second)) == [(1, 1, 1), (2, 2, 9)]


def test_a_granule_that_reaches_behind_the_checkpoint_is_left_out_as_a_whole() -> None:
    dead = told(granule(1, 3))
    alive = told(granule(1, 2), epochs=((1, 0), (7, 2)))
    assert covered(joined(dead, alive)) == [(1, 2, 1)]
    assert covered(joined(dead, told(epochs=((1, 0), (7, 2))))) == []


def test_a_granule_that_a_later_epoch_takes_back_leaves_the_same_in_any_grouping() -> None:
    """It was told, had grown, and the successor that takes it back has forgotten the time of it."""
    small, grown, alive = told(granule(1, 2)), told(granule(1, 3)), told(epochs=((1, 0), (7, 2)))
    orders = [joined(joined(one, two), three) for one, two, three in permutations([small, grown, alive])]
    assert [covered(fleet) for fleet in orders] == [[]] * 6
    restored = told(granule(1, 2), epochs=((1, 0), (7, 2)))
    orders = [joined(joined(one, two), three) for one, two, three in permutations([small, grown, restored])]
    assert [covered(fleet) for fleet in orders] == [[(1, 2, 1)]] * 6


def test_a_granule_that_grows_no_more_is_believed_of_a_dead_monitor_too() -> None:
    fleet = joined(told(granule(1, 2)), told(granule(1, 2), granule(3, 3)), told(epochs=((1, 0), (7, 2))))
    assert covered(fleet) == [(1, 2, 1)]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            told(reference="sha256:q"),
            "1.msgpack: 'm' version '1' input: expected reference sha256:r, got sha256:q",
        ),
        (
            told(layout=Layout("sha256:l", b"")),
            f"1.msgpack: 'm' version '1' input: expected features counted by {LAYOUT.id}, got sha256:l",
        ),
        (
            told(granule(1, 1, rows=9)),
            "1.msgpack: 'm' version '1' input: origin 'pod': expected one pane 1 to 1, got two",
        ),
        (
            told(epochs=((1, 3),)),
            "1.msgpack: 'm' version '1' input: origin 'pod': expected epoch 1 after 0, got after 3",
        ),
    ],
)
def test_what_contradicts_is_refused(other: Snapshot, message: str) -> None:
    with pytest.raises(BadSnapshot) as caught:
        joined(told(granule(1, 1)), other)
    assert str(caught.value) == message


class TestWhatIsToldBesidePanes:
    DEAD = told(beside=beside_of(joint(1, 1), joint(2, 4), quality(0, 5), quality(10, 3)))
    ALIVE = told(epochs=((1, 0), (7, 2)), beside=beside_of(joint(2, 3), quality(10, 1)))

    def test_is_believed_of_the_newest_monitor_alone(self) -> None:
        for turn in (1, -1):
            (origin,) = joined(*[self.DEAD, self.ALIVE][::turn]).subjects[KEY].origins.values()
            assert [(pane.first, pane.last) for pane in origin.beside.joint.values()] == [(2, 3)]
            assert [(pane.start_unix_ns, pane.rows) for pane in origin.beside.quality.values()] == [(10, 1)]

    def test_two_joint_sums_of_one_number_are_refused(self) -> None:
        with pytest.raises(BadSnapshot) as caught:
            joined(self.DEAD, told(beside=beside_of(joint(2, 4, rows=9))))
        assert str(caught.value) == (
            "1.msgpack: 'm' version '1' input: origin 'pod': expected one joint pane 2 to 4, got two"
        )

    def test_origins_of_one_space_are_added_and_of_another_kept_apart(self) -> None:
        own = beside_of(joint(4, 4), space=space_of(seed=2))
        fleet = joined(
            told(beside=beside_of(joint(1, 2), joint(3, 3))),
            told(beside=beside_of(joint(1, 1)), origin="b"),
            told(beside=own, origin="c"),
        )
        totals = joint_totals(fleet.subjects[KEY], 1000, 1000)
        assert sorted((total.origins, total.pane.rows) for total in totals) == [
            (("b", "pod"), 4),
            (("c",), 1),
        ]

    def test_a_window_holds_what_ends_in_it_and_the_quality_of_what_is_still_open(self) -> None:
        panes = (joint(1, 1), joint(2, 2), joint(3, 3), quality(10, 1), quality(20, 2), quality(30, 3))
        part = told(beside=beside_of(*panes)).subjects[KEY]
        assert [total.pane.rows for total in joint_totals(part, 10, 30)] == [1]
        assert [pane.rows for pane in quality_panes(part, 10, 30)] == [2, 3]
        assert joint_totals(part, 10, 1000) == ()

    def test_survives_its_bytes(self) -> None:
        data = encode(self.DEAD)
        assert encode(decode(data, "s")) == data


def test_other_subjects_may_have_other_references() -> None:
    fleet = joined(told(granule(1, 1)), told(granule(1, 1), reference="sha256:q", key=("m", "2", "input")))
    assert sorted(fleet.subjects) == [("m", "1", "input"), ("m", "2", "input")]


def test_a_window_ends_at_the_newest_granule_and_reaches_back_one_horizon() -> None:
    part = told(granule(1, 1), granule(150, 150), granule(201, 201)).subjects[KEY]
    assert horizons_of(part) == [1000]
    assert end_of(part, 1000) == 2020
    total = window_sum(part, 1000, 2020)
    assert total is not None
    assert (total.rows, total.start_unix_ns, total.end_unix_ns) == (2, 1500, 2020)
    assert window_sum(part, 1000, 100_000) is None
    assert end_of(part, 5) == 0


def test_bytes_do_not_depend_on_the_order_of_anything() -> None:
    keys: list[tuple[str, str | None, str]] = [
        KEY,
        ("m", None, "input"),
        ("m", "", "output"),
        ("a", "9", "input"),
    ]
    parts = [told(granule(1, 1), granule(2, 2), origin=origin, key=key) for key in keys for origin in "yx"]
    assert encode(joined(*parts)) == encode(joined(*parts[::-1]))
    again = decode(encode(joined(*parts)), "s")
    assert set(again.subjects) == set(keys)
    assert encode(again) == encode(joined(*parts))


def test_names_of_subjects() -> None:
    assert subject_name(KEY) == "'m' version '1' input"
    assert subject_name(("m", None, "output")) == "'m' output"


def alarm_of(before: int, *closed: int, epoch: int = 1) -> Account:
    return account(before, *closed, width=1, lanes=TABLE.lanes, epoch=epoch)


WITH_ALL = told(
    granule(1, 1), beside=beside_of(joint(1, 1), quality(0, 3), evidence=evidence(5)), alarm=alarm_of(0, 1)
)


def alarms(snapshot: Snapshot) -> list[tuple[list[int], list[int]]]:
    return [numbers(alarm) for alarm in snapshot.subjects[KEY].origins["pod"].accounts.values()]


class TestTheAlarm:
    def test_is_the_same_from_its_bytes(self) -> None:
        again = decode(encode(WITH_ALL), "s")
        assert alarms(again) == [([0], [1])]
        assert encode(again) == encode(WITH_ALL)

    def test_is_merged_by_the_numbers_of_its_panes(self) -> None:
        parts = [told(granule(1, 1), alarm=alarm_of(*numbers)) for numbers in ((0, 1, 2), (2, 3), (7, 8))]
        assert alarms(joined(*parts)) == [([0, 7], [1, 2, 3, 8])]
        assert encode(joined(*parts)) == encode(joined(parts[2], joined(parts[1], parts[0])))

    def test_of_a_monitor_that_was_killed_is_what_its_successor_goes_on_from(self) -> None:
        dead = told(granule(1, 1), alarm=alarm_of(0, 1, 2, 3))
        living = told(granule(1, 1), epochs=((1, 0), (2, 2)), alarm=alarm_of(2, 3, epoch=2))
        for order in ((dead, living), (living, dead)):
            (held,) = joined(*order).subjects[KEY].origins["pod"].accounts.values()
            assert [held.panes[number].epoch for number in (1, 2, 3)] == [1, 1, 2]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"terms": "sha256:other"}, "KeyError('sha256:other')"),
            ({"panes": [alarm_of(0, 1).panes[1].to_state()] * 2}, "a standing or a pane of the alarm twice"),
            ({"standings": [{}]}, "KeyError"),
            ({"panes": [{}]}, "KeyError"),
        ],
    )
    def test_that_contradicts_itself_is_refused(self, change: dict[str, Any], reason: str) -> None:
        whole = msgspec.msgpack.decode(encode(WITH_ALL))
        whole["subjects"][0]["origins"][0]["alarms"][0].update(change)
        with pytest.raises(BadSnapshot, match=re.escape(reason)):
            decode(msgspec.msgpack.encode(whole), "s")

    def test_told_twice_by_the_same_terms_is_refused(self) -> None:
        whole = msgspec.msgpack.decode(encode(WITH_ALL))
        (origin,) = whole["subjects"][0]["origins"]
        origin["alarms"] *= 2
        with pytest.raises(BadSnapshot, match="an alarm twice"):
            decode(msgspec.msgpack.encode(whole), "s")

    def test_of_terms_that_are_others_or_of_other_features_is_refused(self) -> None:
        with pytest.raises(BadSnapshot, match="terms 'x' that are sha256:"):
            decode(document(terms={"x": terms_of().encoded}), "s")
        with pytest.raises(BadSnapshot, match="terms of 2 features"):
            decode(encode(told(granule(1, 1), alarm=account(0, 1))), "s")


def test_the_page_names_the_keys_of_the_bytes_in_their_order() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "snapshot-format.md").read_text()
    named = [
        key
        for cell in re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", cell)
    ]
    whole = msgspec.msgpack.decode(encode(WITH_ALL))
    (subject,) = whole["subjects"]
    (origin,) = subject["origins"]
    (packed,) = origin["granules"]
    (joined_sums,), (rates,) = origin["joint"], origin["quality"]
    (unseen,), (alarm,) = rates["unseen"], origin["alarms"]
    (standing,), (pane,) = alarm["standings"], alarm["panes"]
    beside = [*joined_sums, *rates, *unseen, *origin["evidence"]]
    assert named == [*whole, *subject, *origin, *packed, *beside, *alarm, *standing, *pane]


def document(**changes: Any) -> bytes:
    plain = msgspec.msgpack.decode(encode(told(granule(1, 1))))
    return msgspec.msgpack.encode(plain | changes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "s: expected a sidecar snapshot, got an empty file"),
        (document()[:-3], "s: expected a sidecar snapshot, got a file that is cut off or damaged"),
        (b"\x93\x01\x02\x03", "s: expected a sidecar snapshot, got other data"),
        (
            msgspec.msgpack.encode({"magic": "sidecar-reference"}),
            "s: expected a sidecar snapshot, got a reference",
        ),
        (document(version=1), "s: expected snapshot version 3, got 1"),
        (document(layouts={}), f"s: expected the fields of a snapshot, got KeyError('{LAYOUT.id}')"),
        (document(layouts={LAYOUT.id: b"x"}), "s: layout: expected a sidecar reference, got other data"),
        (document(subjects=[{}]), "s: expected the fields of a snapshot, got KeyError('model')"),
    ],
)
def test_other_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(BadSnapshot) as caught:
        decode(data, "s")
    assert str(caught.value) == message


def origin_with(**changes: Any) -> bytes:
    whole = msgspec.msgpack.decode(encode(TestWhatIsToldBesidePanes.DEAD))
    whole["subjects"][0]["origins"][0].update(changes)
    return msgspec.msgpack.encode(whole)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"space": None}, "ValueError('joint sums of no space')"),
        ({"space": "sha256:other"}, "KeyError('sha256:other')"),
        (
            {"joint": [joint(3, 2).to_state()]},
            "ValueError('joint sums whose numbers contradict each other')",
        ),
        (
            {"joint": [joint(1, 1).to_state(), joint(1, 2).to_state()]},
            "ValueError('joint sums or data quality twice')",
        ),
        (
            {"quality": [quality(0, 1).to_state(), quality(0, 2).to_state()]},
            "ValueError('joint sums or data quality twice')",
        ),
        ({"evidence": {**evidence(1).to_state(), "panes": 0.0}}, "ValueError('evidence beyond its bounds')"),
        ({"joint": [joint(1, 1, width=2).to_state()]}, "ValueError('joint sums of 1 numbers, got 2')"),
    ],
)
def test_what_is_told_beside_panes_and_contradicts_itself_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadSnapshot) as caught:
        decode(origin_with(**changes), "s")
    assert str(caught.value) == f"s: expected the fields of a snapshot, got {reason}"


def test_a_space_that_is_another_is_refused() -> None:
    with pytest.raises(BadSnapshot, match="s: expected the fields of a snapshot, got ValueError"):
        decode(document(spaces={"sha256:x": space_of().encoded}), "s")


@pytest.mark.parametrize(
    "change",
    [{"role": "both"}, {"version": 1}, {"origins": [{}]}, {"origins": 5}, {"layout": "sha256:other"}],
)
def test_subjects_that_are_none_are_refused(change: dict[str, Any]) -> None:
    (subject,) = msgspec.msgpack.decode(document())["subjects"]
    with pytest.raises(BadSnapshot, match="s: expected the fields of a snapshot, got "):
        decode(document(subjects=[subject | change]), "s")


def test_a_subject_twice_is_refused() -> None:
    (subject,) = msgspec.msgpack.decode(document())["subjects"]
    with pytest.raises(BadSnapshot) as caught:
        decode(document(subjects=[subject, subject]), "s")
    assert str(caught.value) == "s: expected every subject once, got one twice"


@pytest.mark.parametrize("at", range(0, 600, 7))
def test_a_byte_that_was_turned_is_refused_or_still_a_snapshot(at: int) -> None:
    data = bytearray(encode(told(granule(1, 1), granule(2, 2))))
    data[at % len(data)] ^= 0x55
    with suppress(BadSnapshot):
        decode(bytes(data), "s")
