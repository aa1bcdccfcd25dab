from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile.codec import decode, encode, load, save, seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference


def reference(seed=1, created_unix_s=5.0):
    specs = [FeatureSpec("n", "input", "numeric"), FeatureSpec("c", "output", "categorical")]
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.normal(size=300), rng.integers(0, 4, size=300)])
    matrix[3, 0] = np.nan
    features = learn_reference(specs, matrix, [(), ("a", "b", "ü")])
    return seal(300, features, created_unix_s=created_unix_s, provenance={"files": "a.csv"})


def repacked(data, **changes):
    return msgspec.msgpack.encode({**msgspec.msgpack.decode(data), **changes})


def message(data):
    with pytest.raises(BadReference) as caught:
        decode(data, "r.msgpack")
    return str(caught.value)


def test_round_trip():
    before = reference()
    after = decode(encode(before), "r")
    assert encode(after) == encode(before)
    assert after.id == before.id
    assert after.features[1].categories == ("a", "b", "ü")
    assert np.array_equal(after.features[0].counts, before.features[0].counts)
    assert np.array_equal(after.features[0].edges, before.features[0].edges)
    assert (after.rows, after.created_unix_s, dict(after.provenance)) == (300, 5.0, {"files": "a.csv"})


def test_id_is_of_the_content_alone():
    assert reference().id == reference(created_unix_s=99.0).id
    assert reference().id != reference(seed=2).id
    assert reference().id.startswith("sha256:")
    assert len(reference().id) == 7 + 64


@pytest.mark.parametrize("data", [b"PAR1 and more", b"month,day\n1,2\n", b"\x81\xa1a\x01"])
def test_other_files_are_no_reference(data):
    assert message(data) == "r.msgpack: expected a sidecar reference, got other data"


def test_empty_file():
    assert message(b"") == "r.msgpack: expected a sidecar reference, got an empty file"


def test_every_cut_is_noticed():
    data = encode(reference())
    for length in range(1, len(data)):
        assert "cut off" in message(data[:length])


def test_every_damaged_byte_of_the_content_is_noticed():
    data = encode(reference())
    start = data.index(b"\xa7content") + 8 + 3
    for place in range(start, len(data), 37):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        assert "got damaged content" in message(bytes(damaged))


def test_other_version():
    assert (
        message(repacked(encode(reference()), version=1)) == "r.msgpack: expected reference version 2, got 1"
    )


def test_hash_mismatch():
    wrong = repacked(encode(reference()), id="sha256:00")
    assert message(wrong) == "r.msgpack: expected content that hashes to 'sha256:00', got damaged content"


def test_content_that_is_sealed_but_nonsense():
    import hashlib

    content = msgspec.msgpack.encode({"rows": 1, "features": [{"name": "x"}]})
    identity = f"sha256:{hashlib.sha256(content).hexdigest()}"
    wrong = repacked(encode(reference()), content=content, id=identity)
    assert message(wrong) == "r.msgpack: expected the fields of a reference, got KeyError('role')"


@pytest.mark.parametrize("change", [{"counts": b"\0" * 8}, {"edges": b"\xff" * 16}, {"kind": "text"}])
def test_features_that_do_not_fit_together(change):
    import hashlib

    outer = msgspec.msgpack.decode(encode(reference()))
    content = msgspec.msgpack.decode(outer["content"])
    content["features"][0].update(change)
    packed = msgspec.msgpack.encode(content)
    identity = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    wrong = msgspec.msgpack.encode({**outer, "content": packed, "id": identity})
    assert message(wrong).startswith(
        "r.msgpack: expected the fields of a reference, got ValueError(\"feature 'n'"
    )


def test_missing_file(tmp_path):
    with pytest.raises(BadReference) as caught:
        load(tmp_path / "none.msgpack")
    assert (
        str(caught.value)
        == f"{tmp_path / 'none.msgpack'}: expected a readable file, got No such file or directory"
    )


def test_saving_replaces_the_whole_file(tmp_path):
    path = tmp_path / "r.msgpack"
    save(reference(), path)
    save(reference(seed=2), path)
    assert load(path).id == reference(seed=2).id
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.msgpack"]


def test_saving_where_nothing_can_be_written(tmp_path):
    path = tmp_path / "no" / "r.msgpack"
    with pytest.raises(BadReference) as caught:
        save(reference(), path)
    assert str(caught.value) == f"{path}: expected a writable file, got No such file or directory"
