from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.principal import find_principal
from tests.unit.profile.test_joint import sums_of


def rows_on_a_line(n=400, noise=0.1, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) @ np.array([[1.0, -1.0, 1.0]]) * 0.5 + noise * rng.normal(size=(n, 3))


def test_rows_on_a_line_need_one_component():
    principal = find_principal(sums_of(rows_on_a_line()))
    assert principal.components == 1
    assert np.linalg.matrix_rank(principal.residual) == 2
    assert principal.residual @ principal.residual == pytest.approx(principal.residual, abs=1e-12)


def test_error_of_the_rows_themselves_is_the_variance_left_out():
    rows = rows_on_a_line()
    values = np.linalg.eigvalsh(np.corrcoef(rows, rowvar=False))
    assert find_principal(sums_of(rows)).mean_error(sums_of(rows)) == pytest.approx(
        values[:2].sum(), rel=1e-3
    )


def test_rows_off_the_line_have_a_larger_error():
    principal = find_principal(sums_of(rows_on_a_line()))
    assert principal.mean_error(sums_of(np.abs(rows_on_a_line(seed=2)))) > 5 * principal.mean_error(
        sums_of(rows_on_a_line(seed=2))
    )


def test_row_errors_have_the_mean_error():
    principal = find_principal(sums_of(rows_on_a_line()))
    rows = rows_on_a_line(seed=3)
    errors = principal.row_errors(np.rint(rows * 2.0**13))
    assert errors.min() >= 0.0
    assert errors.mean() == pytest.approx(principal.mean_error(sums_of(rows)), rel=1e-9)


def test_constant_features_have_no_part():
    rows = np.column_stack([rows_on_a_line(), np.full(400, 0.25)])
    principal = find_principal(sums_of(rows))
    assert principal.deviation[3] == 0.0
    assert not principal.residual[3].any()
    assert not principal.residual[:, 3].any()
    rows[:, 3] = 2.0
    three = np.ascontiguousarray(rows[:, :3])
    assert principal.mean_error(sums_of(rows)) == pytest.approx(
        find_principal(sums_of(three)).mean_error(sums_of(three))
    )


@pytest.mark.parametrize("columns", [[0, 0, 0], [1, 0, 0]])
def test_fewer_than_two_that_vary_have_no_components(columns):
    rows = rows_on_a_line() * np.array(columns)
    principal = find_principal(sums_of(rows))
    assert principal.components == 0
    assert principal.mean_error(sums_of(rows)) == 0.0


def test_at_least_one_direction_is_left_out():
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(500, 2))
    assert find_principal(sums_of(rows), components=2).components == 1
