from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sidecar.errors import BadReference
from sidecar.profile.envelope import VERSION, identify, kind_of, open_envelope, read_reference_file


def sealed(**changes: object) -> bytes:
    fields = {
        "magic": "sidecar-reference",
        "version": VERSION,
        "id": identify(b"content"),
        "created_unix_s": 0.0,
        "provenance": {},
        "content": b"content",
    }
    return msgspec.msgpack.encode({**fields, **changes})


def complaint(data: bytes) -> str:
    with pytest.raises(BadReference) as caught:
        open_envelope(data, "ref")
    return str(caught.value)


def test_a_whole_one_opens() -> None:
    assert open_envelope(sealed(), "ref")["content"] == b"content"


def test_what_is_none_is_said() -> None:
    assert complaint(b"") == "ref: expected a sidecar reference, got an empty file"
    assert complaint(b"a,b\n1,2\n") == "ref: expected a sidecar reference, got other data"
    assert complaint(sealed()[:10]) == "ref: expected a sidecar reference, got a file that is cut off"
    assert (
        complaint(sealed()[:60]) == "ref: expected a whole reference, got a file that is cut off or damaged"
    )
    assert complaint(sealed(version=1)) == "ref: expected reference version 2, got 1"
    assert complaint(sealed(content=b"other")) == (
        f"ref: expected content that hashes to {identify(b'content')!r}, got damaged content"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadReference) as caught:
        read_reference_file(tmp_path / "gone")
    assert (
        str(caught.value) == f"{tmp_path / 'gone'}: expected a readable file, got No such file or directory"
    )


def test_a_file_of_another_kind_is_called_by_its_name() -> None:
    partial = sealed(magic="sidecar-partial-reference")
    assert complaint(partial) == "ref: expected a sidecar reference, got a partial reference"
    assert kind_of(sealed()) == "a reference"
    assert kind_of(sealed(magic="sidecar-snapshot")[:40]) == "a snapshot"
    assert kind_of(sealed(magic="sidecar-something")) == "other data"
