from __future__ import annotations

import math

import numpy as np
import pytest

from kernels import effect
from kernels.effect import measure_lanes
from sidecar.drift.area import NO_AREA, AreaNoise
from sidecar.drift.measured import Measured
from sidecar.drift.noise import Noise, Window

NUMBER = np.array([10, 5, 1, 2, 17, 480, 480, 20])  # 3 of 1,000 present ones are infinite
TEXT = np.array([0, 0, 0, 0, 10, 600, 390])


def measured(reference, lanes, *, ordered=True, moments=(0.0, 0.0, 0.0), phi=1.0, spread=1.0):
    cells = reference.size - 4
    noise = Noise(
        ordered=ordered,
        bins=cells,
        cells=cells,
        design_effect=phi,
        least_binned=200,
        largest_variance=0.25,
        area=AreaNoise(0.3, 0.2) if ordered else NO_AREA,
        kurtosis=3.0,
        moments=np.array([1000.0, 0.0, 4.0]),
    )
    sizes = np.empty(effect.SIZES)
    plan = np.array([range(cells), [1] * cells])
    measure_lanes(reference, lanes, plan, np.ones(cells), 0.5, sizes)
    return Measured(Window(noise, spread, sizes, np.array(moments)), lanes, reference)


class TestValues:
    def test_each_statistic_waits_for_its_own_rows(self):
        few = measured(NUMBER, np.array([0, 0, 0, 0, 1, 30, 30, 1]), moments=(62.0, 1.0, 4.0))
        known = {name: shown.value is not None for name, shown in few.details().items()}
        assert known == {
            "psi": False,
            "js_distance": False,
            "hellinger": False,
            "ks": True,
            "wasserstein": False,
            "mean_shift": True,
            "log_sd_ratio": True,
        }
        assert few.details()["psi"].least_rows == 200
        assert few.details()["psi"].critical is None
        assert few.chi_square() is None

    def test_rows_that_count_as_one_are_not_enough(self):
        assert measured(NUMBER, NUMBER).value("psi") == 0.0
        assert measured(NUMBER, NUMBER, phi=6.0).value("psi") is None

    def test_categories_have_their_own(self):
        names = list(measured(TEXT, TEXT, ordered=False, spread=0.0).details())
        assert names == ["psi", "js_distance", "hellinger", "l_infinity", "cramers_v"]

    def test_shift_and_spread_in_reference_deviations(self):
        found = measured(NUMBER, NUMBER, moments=(500.0, 1.0, 16.0))
        assert found.value("mean_shift") == 0.5
        assert found.value("log_sd_ratio") == pytest.approx(math.log(2.0))

    def test_moments_that_were_not_given(self):
        assert measured(NUMBER, NUMBER).value("mean_shift") is None

    @pytest.mark.parametrize("variance", [0.0, math.nan])
    def test_a_constant_window_has_no_logarithm(self, variance):
        assert measured(NUMBER, NUMBER, moments=(500.0, 1.0, variance)).value("log_sd_ratio") is None


class TestChiSquare:
    def test_divided_by_the_design_effect(self):
        other = np.array([0, 0, 0, 0, 40, 500, 380, 80])
        plain, clumped = measured(NUMBER, other).chi_square(), measured(NUMBER, other, phi=4.0).chi_square()
        assert plain.freedom == clumped.freedom == 3
        assert clumped.statistic == pytest.approx(plain.statistic / 4.0)
        assert plain.p < 1e-6 < clumped.p


class TestShares:
    def test_of_a_number(self):
        window = np.array([30, 6, 0, 0, 5, 100, 100, 9])
        shares = measured(NUMBER, window).shares()
        assert list(shares) == ["missing", "type_error", "out_of_range"]
        assert (shares["missing"].ratio, shares["missing"].reference) == (30 / 250, 10 / 1015)
        assert (shares["type_error"].ratio, shares["type_error"].reference) == (6 / 250, 5 / 1015)
        # below the first and from the last edge on, and the infinities, of what is present
        assert shares["out_of_range"].ratio == 14 / 214
        assert shares["out_of_range"].reference == 40 / 1000

    def test_of_categories(self):
        shares = measured(TEXT, np.array([0, 0, 0, 0, 50, 50, 100]), ordered=False).shares()
        assert list(shares) == ["missing", "type_error", "new_category"]
        assert (shares["new_category"].ratio, shares["new_category"].reference) == (0.25, 0.01)

    def test_all_missing(self):
        shares = measured(NUMBER, np.array([9, 0, 0, 0, 0, 0, 0, 0])).shares()
        assert list(shares) == ["missing", "type_error"]
        assert shares["missing"].ratio == 1.0

    def test_no_rows(self):
        assert measured(NUMBER, np.zeros(8, dtype=np.int64)).shares() == {}
