"""Bytes that come from anywhere: cut off, flipped or made up, they are read, or refused by one error."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.shadow import ShadowConfig
from sidecar.errors import BadReference, BadSnapshot, SidecarError
from sidecar.mirror.answer import Answer
from sidecar.mirror.axes import LEARN_REQUESTS
from sidecar.mirror.job import Job
from sidecar.mirror.shadow import Shadow
from sidecar.mirror.state import BadShadowState
from sidecar.mirror.state import decode as decode_shadow
from sidecar.mirror.state import encode as encode_shadow
from sidecar.monitor.state import NAME, BadState, load_state, save_state
from sidecar.profile import calibration, codec, design_effect, seasons, segments, snapshot, snapshot_codec
from sidecar.profile.embedding import lay_out
from sidecar.profile.envelope import identify
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.finish import finish
from sidecar.profile.fourier import build_fourier, pack_fourier, unpack_fourier
from sidecar.profile.history import History, WindowPlan
from sidecar.profile.joint_reference import build_joint, pack_joint, unpack_joint
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.partial_codec import decode_partial, encode_partial
from sidecar.profile.plan import Plan
from sidecar.profile.reference import Reference
from sidecar.profile.summaries import unpack_summary
from tests.support.accounts import account
from tests.support.beside import beside_of, quality, space_of
from tests.support.beside import joint as joint_sums
from tests.support.tables import make_rows, partial_of, write_csv

Reader = Callable[[bytes], object]
OTHERS: list[Any] = [
    *(None, True, -1, 0, 3, 2**63, float("inf"), float("nan"), "", "x", b"", b"\x08" + b"\xff" * 8),
    *([], [1], [[1, 2]], {}, {"a": 1}),
]


def embedding() -> bytes:
    rows = np.random.default_rng(1).normal(size=(300, 16))
    vectors = lay_out(16, [("e", 0, 16)]).reduce(rows)[1][0]
    made = build_fourier("e", 16, vectors.products, vectors.states)
    assert made is not None
    return pack_fourier(made)


def joint() -> bytes:
    rows = np.random.default_rng(2).normal(size=(500, 4))
    specs = [FeatureSpec(name, "input", "numeric") for name in "abcd"]
    made = build_joint(learn_reference(specs, rows, [()] * 4), rows, 128)
    assert made is not None
    return pack_joint(made)


def told(reference: Reference) -> bytes:
    table = lane_table([feature.spec for feature in reference.features], reference.features)
    history = History(WindowPlan(pane_ns=10, horizons_ns=(40,), lateness_ns=0), table.width, table.lanes, 1)
    for start, stop, pane in history.runs(np.arange(0, 100, 5)):
        pane.fill(table, np.ones((stop - start, table.width)))
        list(history.close_due())
    layout = snapshot.Layout.of(reference.rows, reference.features)
    names = [feature.spec.name for feature in reference.features if feature.spec.kind == "numeric"][:2]
    rates = quality(0, 5, width=table.width, messages=2)
    beside = beside_of(joint_sums(1, 3, width=2), rates, space=space_of(names))
    alarm = account(1, 2, 3, width=table.width, lanes=table.lanes)
    part = snapshot.subject_part(reference.id, layout, "pod", history.closed(), beside, alarm)
    return snapshot_codec.encode(snapshot.Snapshot({("m", None, "input"): part}))


def compared() -> Shadow:
    return Shadow(ShadowConfig(name="s", url="http://127.0.0.1:1", redact=("name",)), 1 << 20, 0.0)


def shadow_state() -> bytes:
    """Of a shadow that has seen tables and documents."""
    shadow = compared()
    for number in range(LEARN_REQUESTS + 50):
        inputs = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [number / 7.0]}]}
        ours, theirs = (
            json.dumps(
                {"outputs": [{"name": "y", "datatype": "FP64", "shape": [1], "data": [value]}]}
            ).encode()
            for value in (number * 1.0, number % 2 * 1.0)
        )
        path = "/v2/models/m/infer"
        if number % 10 == 0:
            path, ours, theirs = "/chat", b'{"a": 1}', b'{"a": 2, "b": "c"}'
        answer = Answer(200, {}, ours, 0.01)
        body = json.dumps(inputs).encode()
        job = Job(number, number.to_bytes(8, "big"), "POST", path, path, {}, body, answer)
        shadow.comparison.add(job, Answer(200, {}, theirs, 0.02))
        shadow.comparison.add_noise(job, Answer(200, {}, ours, 0.02))
    return encode_shadow(shadow.to_state("http://127.0.0.1:2", 1.0))


def go_on(data: bytes) -> object:
    """What was read can be told, too."""
    shadow = compared()
    shadow.restore(decode_shadow(data), 0.0)
    return json.dumps([shadow.to_json(), shadow.comparison.verdict()])


def read_checkpoint(data: bytes) -> object:
    with TemporaryDirectory() as folder:
        (Path(folder) / NAME).write_bytes(data)
        return load_state(Path(folder))


def saved(state: dict[str, Any]) -> bytes:
    with TemporaryDirectory() as folder:
        save_state(Path(folder), state)
        return (Path(folder) / NAME).read_bytes()


def resealed(data: bytes, damage: Callable[[bytes], bytes]) -> bytes:
    """A file whose content was damaged before it was sealed: the hash says nothing."""
    outer = msgspec.msgpack.decode(data)
    content = damage(outer["content"])
    return msgspec.msgpack.encode({**outer, "content": content, "id": identify(content)})


def materials() -> dict[str, tuple[bytes, Reader, type[SidecarError]]]:
    plan = Plan(score="score", label="late", time="when", segment="city", hour_of_week=True)
    with TemporaryDirectory() as folder:
        partial = partial_of(plan, write_csv(Path(folder) / "a.csv", make_rows(600)))
    reference = finish(partial, created_unix_s=0.0)
    parts = reference.parts
    effects = design_effect.pack(design_effect.DesignEffects({"age": 1.5}, 40, 60.0))
    readers: dict[str, tuple[bytes, Reader]] = {
        "design_effects": (effects, design_effect.unpack),
        "hour_of_week": (parts["hour_of_week"], seasons.unpack),
        "segments": (parts["segments"], segments.unpack_segments),
        "score_calibration": (parts["score_calibration"], calibration.unpack_calibration),
        "joint_input": (joint(), unpack_joint),
        "embedding": (embedding(), unpack_fourier),
        "schema": (parts["schema"], lambda part: unpack_summary(part, "schema")),
        "reference": (codec.encode(reference), lambda data: codec.decode(data, "r")),
        "partial": (encode_partial(partial, created_unix_s=0.0), lambda data: decode_partial(data, "p")),
    }
    return {
        **{name: (data, read, BadReference) for name, (data, read) in readers.items()},
        "snapshot": (told(reference), lambda data: snapshot_codec.decode(data, "s"), BadSnapshot),
        "shadow": (shadow_state(), go_on, BadShadowState),
        "checkpoint": (saved({"models": [{"rows": 3, "counts": b"\x01\x02"}]}), read_checkpoint, BadState),
    }


MATERIALS = materials()
SEALED = ("reference", "partial")


def at_random(data: bytes, rng: random.Random) -> bytes:
    """Bits that fell over, a cut, bytes that were lost or came in between."""
    broken = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        place = min(
            rng.randrange(len(broken) + 1), rng.randrange(len(broken) + 1)
        )  # heads rather than arrays
        match rng.choice(["flip", "flip", "flip", "cut", "lose", "insert"]):
            case "flip" if place < len(broken):
                broken[place] ^= 1 << rng.randrange(8)
            case "cut":
                del broken[place:]
            case "lose":
                del broken[place : place + rng.choice([1, 2, 8])]
            case _:
                broken[place:place] = rng.randbytes(rng.choice([1, 2, 8]))
    return bytes(broken)


def made_up(data: bytes, rng: random.Random) -> bytes:
    """Whole msgpack in which one field is gone or holds something else."""
    document = node = msgspec.msgpack.decode(data)
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = rng.choice(keys)
        below = node[key]
        if isinstance(below, dict | list) and below and rng.random() < 0.8:
            node = below
        elif rng.random() < 0.25:
            del node[key]
            break
        else:
            node[key] = rng.choice(OTHERS)
            break
    return msgspec.msgpack.encode(document)


@pytest.mark.parametrize("name", MATERIALS)
def test_what_is_whole_is_read(name: str) -> None:
    data, read, _ = MATERIALS[name]
    read(data)


@pytest.mark.parametrize("how", [at_random, made_up])
@pytest.mark.parametrize("name", MATERIALS)
@given(rng=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_damage_is_read_or_refused_by_one_error(
    name: str, how: Callable[[bytes, random.Random], bytes], rng: random.Random
) -> None:
    data, read, error = MATERIALS[name]
    broken = resealed(data, lambda content: how(content, rng)) if name in SEALED else how(data, rng)
    with suppress(error):
        read(broken)


@pytest.mark.parametrize("name", MATERIALS)
def test_a_file_that_is_cut_off_anywhere_is_refused(name: str) -> None:
    data, read, error = MATERIALS[name]
    rng = random.Random(name)
    for size in {0, 1, len(data) - 1, *(rng.randrange(len(data)) for _ in range(100))}:
        with pytest.raises(error):
            read(data[:size])
