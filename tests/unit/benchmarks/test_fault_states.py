from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fault_states import OFF, STATES, fill_up, is_full, open_full_disk


def test_the_states_are_those_of_the_design() -> None:
    assert {state.name for state in STATES if state.judged} == {
        "stopped",
        "ring full",
        "shadow hangs",
        "killed",
        "disk full",
    }
    assert len({state.name for state in (OFF, *STATES)}) == 1 + len(STATES)


def test_the_noise_is_measured_on_a_sidecar_like_the_one_with_monitoring_off() -> None:
    (again,) = [state for state in STATES if state.name == "off again"]
    assert (again.settings, again.disturb) == (OFF.settings, OFF.disturb)


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
