from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.monitor.state import NAME, BadState, load_state, remove_drafts, save_state


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    state = {"models": [{"name": "m", "counts": b"\x00\x01"}], "at": 1.5}
    assert save_state(tmp_path, state) == (tmp_path / NAME).stat().st_size
    assert load_state(tmp_path) == state


def test_it_is_for_its_user_alone(tmp_path: Path) -> None:
    save_state(tmp_path, {"n": 1})
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


def test_the_last_one_wins_and_nothing_else_is_left(tmp_path: Path) -> None:
    save_state(tmp_path, {"n": 1})
    save_state(tmp_path, {"n": 2})
    assert load_state(tmp_path) == {"n": 2}
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_what_killed_monitors_were_writing_does_not_pile_up(tmp_path: Path) -> None:
    save_state(tmp_path, {"n": 1})
    for pid in (17, 4_000_000):
        (tmp_path / f".{NAME}.{pid}").write_bytes(b"\x82")
    (tmp_path / "recording").mkdir()
    remove_drafts(tmp_path)
    assert load_state(tmp_path) == {"n": 1}
    assert {path.name for path in tmp_path.iterdir()} == {NAME, "recording"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xc1", "monitor.msgpack: expected msgpack, got FormatError"),
        (b"", "monitor.msgpack: expected msgpack, got ValueError"),
        (b"\x01", "monitor.msgpack: expected a checkpoint of version 1, got another"),
        (b"\x81\x80\x01", "monitor.msgpack: expected msgpack, got TypeError"),
        (b"\x81\xa7version\x01", "monitor.msgpack: expected a state, got NoneType"),
        (b"\x81\xa7version\x02", "monitor.msgpack: expected a checkpoint of version 1, got another"),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(BadState) as caught:
        load_state(tmp_path)
    assert str(caught.value) == message


def test_a_folder_that_cannot_be_written_keeps_the_last_good_one(tmp_path: Path) -> None:
    save_state(tmp_path, {"n": 1})
    blocker = tmp_path / NAME
    with pytest.raises(OSError, match="No such file"):
        save_state(tmp_path / "gone", {"n": 2})
    assert blocker.exists()
    assert load_state(tmp_path) == {"n": 1}
