from __future__ import annotations

import json
import math

from sidecar.drift.effects import NO_EFFECTS, STATISTICS, ChiSquare, Effect, Effects
from sidecar.drift.intervals import Share

KEYS = [
    "psi",
    "psi_debiased",
    "psi_critical",
    "js_distance",
    "ks",
    "wasserstein",
    "effects",
    "chi_square",
    "rates",
]


class FixedBasis:
    def details(self):
        return {"psi": Effect(200, 0.3, 0.05, (0.2, 0.4), 0.08), "ks": Effect(50)}

    def chi_square(self):
        return ChiSquare(21.0, 9, 0.0127)

    def shares(self):
        return {"missing": Share(0.1, 0.05, 0.2, 0.04, 0.03)}


def test_nothing_known_is_none_and_empty():
    fields = NO_EFFECTS.to_json()
    assert list(fields) == KEYS
    assert set(map(str, fields.values())) == {"None", "{}"}
    assert NO_EFFECTS.details() == {}


def test_json_says_all_that_the_basis_knows():
    fields = Effects(psi=0.3, psi_debiased=0.28, psi_critical=0.05, basis=FixedBasis()).to_json()
    assert list(fields) == KEYS
    assert (fields["psi"], fields["psi_debiased"], fields["psi_critical"]) == (0.3, 0.28, 0.05)
    assert fields["effects"] == {
        "psi": {
            "value": 0.3,
            "critical": 0.05,
            "interval": [0.2, 0.4],
            "detectable": 0.08,
            "least_rows": 200,
        },
        "ks": {"value": None, "critical": None, "interval": None, "detectable": None, "least_rows": 50},
    }
    assert fields["chi_square"] == {"statistic": 21.0, "freedom": 9, "p": 0.0127}
    assert list(fields["rates"]) == ["missing"]


def test_what_is_no_number_is_none():
    fields = Effect(1, 0.2, math.nan, (0.1, math.inf), math.nan).to_json()
    json.dumps(fields, allow_nan=False)
    assert (fields["critical"], fields["interval"], fields["detectable"]) == (None, [0.1, None], None)


def test_every_statistic_is_a_field():
    assert set(STATISTICS) <= set(Effects.__slots__)
