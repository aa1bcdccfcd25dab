from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bad_shadows import MANNERS
from benchmarks.fault_states import (
    OFF,
    SHADOW_STATES,
    STATES,
    WITHOUT_SHADOWS,
    State,
    fill_up,
    is_full,
    open_full_disk,
)


def test_the_states_are_those_of_the_design() -> None:
    assert {state.name for state in STATES if state.judged} == {
        "stopped",
        "ring full",
        "shadow hangs",
        "disk full",
    }


@pytest.mark.parametrize(
    "states", [(OFF, *STATES), (WITHOUT_SHADOWS, *SHADOW_STATES)], ids=["faults", "shadows"]
)
def test_no_two_states_of_a_benchmark_have_one_name(states: tuple[State, ...]) -> None:
    assert len({state.name for state in states}) == len(states)


def test_a_shadow_of_every_manner_is_judged() -> None:
    assert {state.manner for state in SHADOW_STATES if state.judged} == set(MANNERS)


def test_a_shadow_that_did_not_do_its_harm_is_noticed() -> None:
    (floods,) = [state for state in SHADOW_STATES if state.name == "shadow floods"]
    before = {"shadow": [{"ended": {"timeout": 7}}]}
    assert floods.grows(before) == floods.grows({"shadow": [{"ended": {"timeout": 9, "answered": 4}}]})
    assert floods.grows({"shadow": [{"ended": {"too_long": 2}}]}) > floods.grows(before)


@pytest.mark.parametrize(
    ("beside", "states"), [(OFF, STATES), (WITHOUT_SHADOWS, SHADOW_STATES)], ids=["faults", "shadows"]
)
def test_the_noise_is_measured_on_a_sidecar_like_the_one_beside(
    beside: State, states: tuple[State, ...]
) -> None:
    (again,) = [state for state in states if state.name == "off again"]
    assert (again.settings, again.disturb, again.manner) == (beside.settings, beside.disturb, "")


def test_a_full_disk_takes_no_byte(tmp_path: Path) -> None:
    with open_full_disk(tmp_path) as place:
        assert is_full(place)
        with pytest.raises(OSError, match="No space left"):
            (place / "access.log").write_bytes(b"x" * 4096)


def test_a_disk_with_room_is_not_full(tmp_path: Path) -> None:
    assert not is_full(tmp_path)


def test_filling_up_stops_when_nothing_more_goes_in(tmp_path: Path) -> None:
    (tmp_path / "filler").symlink_to("/dev/full")
    fill_up(tmp_path)
    assert (tmp_path / "filler").is_symlink()
