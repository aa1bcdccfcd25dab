from __future__ import annotations

import numpy as np

from kernels.fourier import DIRECTION_LIMIT
from sidecar.profile.directions import DIRECTIONS, FOURIER, SPREAD, direction_matrix, phase_offsets


def test_fourier_directions_are_whole_and_normal_with_deviation_8():
    matrix = direction_matrix(400)[:, :FOURIER]
    assert matrix.shape == (400, FOURIER)
    assert np.array_equal(matrix, np.rint(matrix))
    assert np.abs(matrix).max() <= DIRECTION_LIMIT
    scaled = matrix.ravel() / SPREAD
    assert abs(scaled.mean()) < 5 / np.sqrt(scaled.size)
    assert abs(scaled.var() - 1.0) < 5 * np.sqrt(2 / scaled.size)
    assert abs(np.mean(scaled**4) - 3.0) < 0.1


def test_projections_are_signs():
    signs = direction_matrix(400)[:, FOURIER:]
    assert signs.shape == (400, DIRECTIONS - FOURIER)
    assert set(np.unique(signs).tolist()) == {-1.0, 1.0}
    assert abs(signs.mean()) < 5 / np.sqrt(signs.size)


def test_directions_do_not_resemble_each_other():
    matrix = direction_matrix(1000)
    correlation = np.corrcoef(matrix, rowvar=False)
    assert np.abs(correlation - np.eye(DIRECTIONS)).max() < 6 / np.sqrt(1000)


def test_longer_vectors_have_the_same_directions_and_more():
    assert np.array_equal(direction_matrix(70)[:64], direction_matrix(64))


def test_offsets_are_spread_over_a_turn():
    offsets = phase_offsets()
    assert offsets.shape == (FOURIER,)
    assert offsets.min() >= 0.0
    assert offsets.max() < 1.0
    assert abs(offsets.mean() - 0.5) < 5 / np.sqrt(12 * FOURIER)


def test_they_cannot_be_written_to():
    assert not direction_matrix(64).flags.writeable
    assert not phase_offsets().flags.writeable
