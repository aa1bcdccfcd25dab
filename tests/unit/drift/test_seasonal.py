from __future__ import annotations

import numpy as np
import pytest

from sidecar.drift.detector import Detector
from sidecar.drift.rates import make_rates
from sidecar.drift.seasonal import SeasonalRates
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.seasons import KAPPA, SeasonTally
from tests.support.drifting import PANES, Stream, shifted

SPECS = [FeatureSpec("n", "input", "numeric"), FeatureSpec("c", "input", "categorical")]


def seasonal_of(phi=1.0):
    """Features of 4,000 rows; in hour 72 the first was missing in 100 of 1,000, the second is not known."""
    rng = np.random.default_rng(1)
    matrix = np.column_stack([rng.normal(size=4000), rng.choice([1.0, 2.0], size=4000)])
    features = learn_reference(SPECS, matrix, [(), ("a", "b")])
    tally = SeasonTally({"n": features[0].counts.size})
    lanes = np.zeros(features[0].counts.size, dtype=np.int64)
    lanes[0], lanes[10] = 100, 900
    tally.add(0.0, [lanes])
    rates = make_rates(features, 0.01)
    return rates, SeasonalRates(rates, np.full(rates.shares.size, phi), features, tally.seasons())


def test_shares_of_an_hour():
    whole, seasonal = seasonal_of()
    found = seasonal.at(72)
    assert found.shares[0] == pytest.approx(100 / (1000 + KAPPA))
    assert found.rows[0] == 1000 + KAPPA
    mine = whole.groups == 0
    assert np.array_equal(found.shares[~mine], whole.shares[~mine])
    assert np.array_equal(found.rows[~mine], whole.rows[~mine])


def test_hour_never_seen_has_the_shares_of_the_whole_and_a_wide_band():
    whole, seasonal = seasonal_of()
    found = seasonal.at(73)
    inner = (whole.groups == 0) & (whole.shares < 0.9)
    assert found.shares == pytest.approx(whole.shares)
    assert np.all(found.upper[inner] > whole.upper[inner] + 0.05)


def test_design_effect_divides_the_rows_of_the_hour():
    _, seasonal = seasonal_of(phi=4.0)
    assert seasonal.at(72).rows[0] == (1000 + KAPPA) / 4


def test_bands_follow_the_hour_of_the_week():
    """A value of 1 by night and -1 by day, both of which the whole reference holds in equal parts."""
    stream = Stream()
    specs, table = stream.specs, stream.table
    tally = SeasonTally({spec.name: f.counts.size for spec, f in zip(specs, stream.features, strict=True)})

    def pane_of(mean, n):
        rows = stream.rows(n)
        rows[:, 0] += mean
        pane = Pane.empty(0, 0, 5, table.lanes)
        pane.fill(table, rows)
        return pane.counts

    for hour in range(168):
        tally.add(hour * 3600.0, list(pane_of(1.0 if hour % 2 else -1.0, 2000)))
    detector = Detector(stream.features, PANES, 0.01, seasons=tally.seasons())
    static = Detector(stream.features, PANES, 0.01)
    for hour in range(48):
        counts = pane_of(1.0 if hour % 2 else -1.0, 500)
        detector.advance(counts, hour * 3600.0)
        static.advance(counts, hour * 3600.0)
    assert np.isnan(detector.drift_since_unix_s).all()
    assert not np.isnan(static.drift_since_unix_s[0])
    for hour in range(48, 52):
        detector.advance(pane_of(0.0, 500), hour * 3600.0)
    assert detector.drift_since_unix_s[0] == 48 * 3600.0


def test_a_look_into_the_next_hour_changes_nothing_of_what_follows():
    """Panes are looked at while they are open, so every hour is first seen by a look."""
    stream = Stream()
    tally = SeasonTally({feature.spec.name: feature.counts.size for feature in stream.features})
    for hour, by in enumerate((0.0, 1.0)):
        tally.add(3600.0 * hour, list(stream.pane(shifted(by), 2000)))
    looked, plain = (Detector(stream.features, PANES, 0.01, seasons=tally.seasons()) for _ in range(2))
    for minute in range(120):
        counts = stream.pane(shifted(float(minute >= 60)), 500)
        looked.evidence(counts, 60.0 * minute)
        for detector in (looked, plain):
            detector.advance(counts, 60.0 * minute)
    assert looked.to_state() == plain.to_state()
    assert not any(plain.evidence(counts, 7140.0).drifted(feature) for feature in range(5))
