from __future__ import annotations

import msgspec
import numpy as np
import pytest

from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF
from sidecar.errors import BadReference
from sidecar.profile.design_effect import DesignEffects, design_effect, pack, unpack
from sidecar.profile.feature import FeatureSpec

NUMBER = FeatureSpec("n", "input", "numeric")
TEXT = FeatureSpec("c", "input", "categorical")
EDGES = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


def lanes_of(panes):
    """Lanes of panes of normal values over five edges, with two lanes of padding."""
    lanes = np.zeros((len(panes), FIRST_CELL + EDGES.size + 3), dtype=np.int64)
    for pane, values in enumerate(panes):
        cells = np.searchsorted(EDGES, values[np.isfinite(values)], side="right")
        lanes[pane, FIRST_CELL : FIRST_CELL + EDGES.size + 1] = np.bincount(cells, minlength=EDGES.size + 1)
        lanes[pane, POS_INF], lanes[pane, NEG_INF] = (values == np.inf).sum(), (values == -np.inf).sum()
        lanes[pane, MISSING] = np.isnan(values).sum()
    return lanes


def chain(rng, rho, n):
    values = np.empty(n)
    values[0] = rng.normal()
    noise = rng.normal(size=n) * np.sqrt(1 - rho**2)
    for k in range(1, n):
        values[k] = rho * values[k - 1] + noise[k]
    return values


def test_by_hand():
    # 10 rows a pane, 2, 4 and 6 of them below the only edge: sum 10 (0.2^2 + 0 + 0.2^2) / (0.4 * 0.6) / 2
    lanes = np.zeros((3, FIRST_CELL + 2), dtype=np.int64)
    lanes[:, FIRST_CELL], lanes[:, FIRST_CELL + 1] = (20, 40, 60), (80, 60, 40)
    assert design_effect(NUMBER, lanes) == pytest.approx(100 * 0.08 / 0.24 / 2)


def test_independent_rows_have_none():
    rng = np.random.default_rng(1)
    phis = [design_effect(NUMBER, lanes_of(rng.normal(size=(50, 300)))) for _ in range(20)]
    assert np.mean(phis) < 1.12
    assert min(phis) >= 1.0


def test_copies_count_once():
    rng = np.random.default_rng(2)
    phis = [
        design_effect(NUMBER, lanes_of(np.repeat(rng.normal(size=(50, 60)), 10, axis=1))) for _ in range(20)
    ]
    assert np.mean(phis) == pytest.approx(10.0, rel=0.1)


@pytest.mark.parametrize(("rho", "phi"), [(0.5, 1.98), (0.7, 3.66), (0.9, 11.4)])
def test_runs(rho, phi):
    rng = np.random.default_rng(3)
    found = [design_effect(NUMBER, lanes_of(chain(rng, rho, 50 * 200).reshape(50, 200))) for _ in range(12)]
    assert np.mean(found) == pytest.approx(phi, rel=0.2)


def test_panes_of_unequal_size():
    rng = np.random.default_rng(4)
    panes = [np.repeat(rng.normal(size=rng.integers(5, 60)), 4) for _ in range(400)]
    assert design_effect(NUMBER, lanes_of(panes)) == pytest.approx(4.0, rel=0.15)


def test_categories():
    rng = np.random.default_rng(5)
    lanes = np.zeros((200, FIRST_CELL + 4), dtype=np.int64)
    lanes[:, FIRST_CELL:-1] = 5 * rng.multinomial(40, [0.2, 0.3, 0.5], size=200)
    assert design_effect(TEXT, lanes) == pytest.approx(5.0, rel=0.15)


def test_seasons_are_no_dependence():
    rng = np.random.default_rng(6)
    hours = np.arange(96) % 24
    lanes = lanes_of(np.sin(hours / 24 * 2 * np.pi)[:, None] + rng.normal(size=(96, 300)))
    assert design_effect(NUMBER, lanes) > 20
    assert design_effect(NUMBER, lanes, hours.tolist()) < 1.2


@pytest.mark.parametrize("panes", [0, 1])
def test_too_few_panes_to_tell(panes):
    assert design_effect(NUMBER, lanes_of(np.zeros((panes, 50)))) == 1.0


def test_nothing_to_judge():
    assert design_effect(NUMBER, lanes_of(np.full((40, 50), np.nan))) == 1.0
    assert design_effect(NUMBER, lanes_of(np.full((40, 50), 7.0))) == 1.0


def test_packed_and_back():
    effects = DesignEffects({"b": 1.5, "a": 1.0}, 50, 60.0)
    assert unpack(pack(effects)) == effects
    assert unpack(pack(effects)).of("b") == 1.5
    assert effects.of("unheard of") == 1.0
    assert pack(effects) == pack(DesignEffects({"a": 1.0, "b": 1.5}, 50, 60.0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 2}, "design_effects: expected format 1, got 2"),
        ({}, "design_effects: expected effects by name, got KeyError('format')"),
        (
            {"format": 1, "panes": 3, "pane_s": 60.0, "effects": {"a": 0.5}},
            "design_effects: expected an effect of at least 1 for 'a', got 0.5",
        ),
    ],
)
def test_damaged_part(fields, message):
    with pytest.raises(BadReference) as caught:
        unpack(msgspec.msgpack.encode(fields))
    assert str(caught.value) == message
