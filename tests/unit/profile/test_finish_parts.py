from __future__ import annotations

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import calibration, design_effect, partial, seasons, segments
from sidecar.profile.finish import finish
from sidecar.profile.finish_parts import sampled_matrix
from sidecar.profile.joint_reference import unpack_joint
from sidecar.profile.plan import Plan
from tests.support.tables import START_S, make_rows, partial_of, reference_of, write_csv

ROWS = make_rows(6000)


@pytest.fixture
def path(tmp_path):
    return write_csv(tmp_path / "a.csv", ROWS)


def complaint(plan, *paths):
    with pytest.raises(BadReference) as caught:
        reference_of(plan, *paths)
    return str(caught.value)


def test_parts_are_there_when_they_are_asked_for(path):
    assert set(reference_of(Plan(), path).parts) == {"schema", "joint_input"}
    plan = Plan(time="when", hour_of_week=True, segment="city", score="score", label="late")
    assert set(reference_of(plan, path).parts) == {
        "schema",
        "design_effects",
        "hour_of_week",
        "segments",
        "score_calibration",
    }


def test_how_features_move_together_does_not_depend_on_the_files(tmp_path):
    """One file, or two of which the later rows come first."""
    whole = reference_of(Plan(), write_csv(tmp_path / "a.csv", ROWS))
    one, two = write_csv(tmp_path / "b.csv", ROWS[4000:]), write_csv(tmp_path / "c.csv", ROWS[:4000])
    parts = reference_of(Plan(), one, two).parts
    assert parts["joint_input"] == whole.parts["joint_input"]
    joint = unpack_joint(parts["joint_input"])
    assert joint.total().rows == 6000
    assert set(joint.names) == {f.spec.name for f in whole.features if f.spec.kind == "numeric"}


def test_hours_of_the_week_add_up(path):
    reference = reference_of(Plan(time="when", hour_of_week=True, columns=("age", "city")), path)
    made = seasons.unpack(reference.parts[seasons.PART])
    by_hour = [made.lanes(hour) for hour in range(seasons.HOURS)]
    for feature in reference.features:
        lanes = np.array([hour[feature.spec.name] for hour in by_hour])
        assert lanes.sum(axis=0).tolist() == feature.counts.tolist()
        assert lanes.sum(axis=1)[:101].tolist() == [60] * 100 + [0]  # a row a minute from Monday, 0:00


def test_segments_add_up(path):
    reference = reference_of(Plan(segment="city", columns=("age",)), path)
    made = segments.unpack_segments(reference.parts[segments.PART])
    assert made.values == ("Oslo", "Rom", "Bern")
    assert made.rows.tolist() == [sum(row["city"] == city for row in ROWS) for city in made.values]
    assert made.lanes["age"].sum(axis=0).tolist() == reference.features[0].counts.tolist()


def test_only_the_commonest_segments_are_kept(tmp_path):
    rows = [{"s": f"s{number % 40:02d}", "n": number} for number in range(4000)]
    reference = reference_of(Plan(segment="s"), write_csv(tmp_path / "a.csv", rows))
    made = segments.unpack_segments(reference.parts[segments.PART])
    assert made.values == tuple(f"s{number:02d}" for number in range(32))


def test_calibration(path):
    reference = reference_of(Plan(score="score", label="late"), path)
    made = calibration.unpack_calibration(reference.parts[calibration.PART])
    assert made.counts.sum() == 6000
    assert made.positives.sum() == sum(row["late"] for row in ROWS)
    asked = np.linspace(0.1, 0.9, 9)
    assert made.expected(asked) == pytest.approx(asked, abs=0.15)


def panes_of(tmp_path, rho, name, rows=40_000, pane=400):
    """A feature of AR(1) noise, `pane` rows a pane of a minute, and one without dependence."""
    rng = np.random.default_rng(6)
    noise = rng.normal(size=rows) * np.sqrt(1.0 - rho**2)
    values = np.empty(rows)
    values[0] = rng.normal()
    for place in range(1, rows):
        values[place] = rho * values[place - 1] + noise[place]
    free = rng.normal(size=rows)
    table = [
        {"x": round(float(x), 5), "free": round(float(f), 5), "when": START_S + 60.0 * number / pane}
        for number, (x, f) in enumerate(zip(values, free, strict=True))
    ]
    return write_csv(tmp_path / name, table)


@pytest.mark.parametrize(("rho", "phi"), [(0.5, 1.98), (0.7, 3.66)])
def test_design_effects_of_dependent_rows(tmp_path, rho, phi, monkeypatch):
    """The published figures are averages over quantiles; 100 panes give them to about 15 %."""
    path = panes_of(tmp_path, rho, "a.csv")
    whole = design_effect.unpack(reference_of(Plan(time="when"), path).parts[design_effect.PART])
    assert (whole.panes, whole.pane_s) == (100, 60.0)
    assert whole.of("x") == pytest.approx(phi, rel=0.25)
    assert whole.of("free") == pytest.approx(1.0, abs=0.2)
    monkeypatch.setattr(partial, "SAMPLE_VALUES", 60_000)  # half of the rows: 200 a pane are enough
    half = design_effect.unpack(reference_of(Plan(time="when"), path).parts[design_effect.PART])
    assert half.of("x") == pytest.approx(whole.of("x"), rel=0.25)
    assert half.of("free") == pytest.approx(1.0, abs=0.3)


def test_panes_grow_until_they_hold_rows_enough(path):
    made = design_effect.unpack(reference_of(Plan(time="when"), path).parts[design_effect.PART])
    assert (made.pane_s, made.panes) == (3840.0, 94)  # a row a minute; the next longer ones would be 47


def test_too_few_panes_give_no_design_effects(path):
    plan = Plan(time="when", pane_s=86_400.0, hour_of_week=True)
    assert set(reference_of(plan, path).parts) == {"schema", "hour_of_week", "joint_input"}


def test_the_matrix_does_not_depend_on_the_order_of_rows(tmp_path):
    first = partial_of(Plan(), write_csv(tmp_path / "a.csv", ROWS))
    second = partial_of(Plan(), write_csv(tmp_path / "b.csv", ROWS[::-1]))
    features = finish(first, created_unix_s=0.0).features
    matrix = sampled_matrix(first, features)
    assert matrix.shape == (6000, 5)
    assert np.array_equal(matrix, sampled_matrix(second, features), equal_nan=True)
    assert set(np.unique(matrix[:, 1])) == {1.0, 2.0, 3.0}


@pytest.mark.parametrize(
    ("rows", "plan", "message"),
    [
        ([{"a": 1, "t": ""}], Plan(time="t"), "time 't': expected times, got none"),
        ([{"a": 1, "s": ""}], Plan(segment="s"), "segment 's': expected values, got none"),
        ([{"p": 1, "y": ""}], Plan(score="p", label="y"), "label 'y': expected two classes, got 0"),
        ([{"p": "high", "y": 1}], Plan(score="p", label="y"), "score 'p': expected numbers, got text"),
        (
            [{"p": "", "y": y} for y in (0, 1)],
            Plan(score="p", label="y"),
            "score 'p': expected rows with a score and a label, got none",
        ),
    ],
)
def test_parts_that_cannot_be_made(tmp_path, rows, plan, message):
    assert complaint(plan, write_csv(tmp_path / "a.csv", rows)) == message
