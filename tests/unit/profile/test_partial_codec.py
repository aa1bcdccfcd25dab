from __future__ import annotations

import hashlib

import msgspec
import pytest

from sidecar.errors import BadReference
from sidecar.profile import codec
from sidecar.profile.finish import finish
from sidecar.profile.partial_codec import decode_partial, encode_partial, load_partial, save_partial
from sidecar.profile.plan import Plan
from tests.support.tables import make_rows, partial_of, write_csv

PLAN = Plan(score="score", label="late", time="when", segment="city")


@pytest.fixture
def made(tmp_path):
    return partial_of(PLAN, write_csv(tmp_path / "a.csv", make_rows(300)))


def complaint(data):
    with pytest.raises(BadReference) as caught:
        decode_partial(data, "a.part")
    return str(caught.value)


def changed(data, **fields):
    """The file with other content, sealed again."""
    outer = msgspec.msgpack.decode(data)
    content = msgspec.msgpack.encode({**msgspec.msgpack.decode(outer["content"]), **fields})
    outer |= {"content": content, "id": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    return msgspec.msgpack.encode(outer)


def test_round_trip(made):
    data = encode_partial(made, created_unix_s=1.0)
    again = decode_partial(data, "a.part")
    assert encode_partial(again, created_unix_s=1.0) == data
    assert finish(again, created_unix_s=0.0).id == finish(made, created_unix_s=0.0).id


def test_it_may_be_added_to_after_reading(made, tmp_path):
    other = write_csv(tmp_path / "b.csv", make_rows(200, seed=2))
    again = decode_partial(encode_partial(made, created_unix_s=1.0), "a.part")
    again.merge(partial_of(PLAN, other))
    together = partial_of(PLAN, tmp_path / "a.csv", other)
    assert again.to_state() == together.to_state()


def test_files(made, tmp_path):
    save_partial(made, tmp_path / "a.part", created_unix_s=1.0)
    assert load_partial(tmp_path / "a.part").to_state() == made.to_state()
    with pytest.raises(BadReference) as caught:
        load_partial(tmp_path / "b.part")
    gone = tmp_path / "b.part"
    assert str(caught.value) == f"{gone}: expected a readable file, got No such file or directory"


def test_a_finished_reference_is_no_partial_one(made):
    data = codec.encode(finish(made, created_unix_s=0.0))
    assert complaint(data) == "a.part: expected a sidecar partial reference, got a reference"
    partial = encode_partial(made, created_unix_s=0.0)
    with pytest.raises(BadReference) as caught:
        codec.decode(partial, "a.part")
    assert str(caught.value) == "a.part: expected a sidecar reference, got a partial reference"


def test_faults(made):
    data = encode_partial(made, created_unix_s=0.0)
    assert complaint(b"") == "a.part: expected a sidecar partial reference, got an empty file"
    assert (
        complaint(data[:-5])
        == "a.part: expected a whole partial reference, got a file that is cut off or damaged"
    )
    outer = msgspec.msgpack.decode(data)
    other = msgspec.msgpack.encode({**outer, "version": 9})
    assert complaint(other) == "a.part: expected partial reference version 1, got 9"
    assert complaint(msgspec.msgpack.encode({**outer, "content": b"x"})).endswith("got damaged content")


@pytest.mark.parametrize(
    ("fields", "got"),
    [
        ({"rows": 7}, "ValueError('rows that do not add up')"),
        ({"columns": {"age": {}}}, "KeyError('position')"),
        ({"plan": {"pane_s": "x"}}, "ValidationError('Expected `float`, got `str` - at `$.pane_s`')"),
        (
            {"sample": {"limit": 1, "threshold": 2, "priorities": b"1"}},
            "ValueError('buffer size must be a multiple of element size')",
        ),
    ],
)
def test_sealed_nonsense(made, fields, got):
    data = changed(encode_partial(made, created_unix_s=0.0), **fields)
    assert complaint(data) == f"a.part: expected the fields of a partial reference, got {got}"
