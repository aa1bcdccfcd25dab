from __future__ import annotations

from sidecar.profile.unseen_pane import Unseen
from sidecar.quality.rates import QualityRate
from sidecar.quality.report import QualityReport, QualityVerdict, UnseenReport
from sidecar.quality.watch import QualityCount

COUNTS = (
    QualityCount(QualityRate("missing", "a", 0.02, 1000), 5, 50, 70),
    QualityCount(QualityRate("missing", "b", 0.5, 1000), 0, 50, 3),
    QualityCount(QualityRate("duplicate_rows", None, None, 0), 0, 0, 0),
)
VERDICTS = (None, None, QualityVerdict("violated", 9.0, 8.5, 12.0))
REPORT = QualityReport("input", COUNTS, VERDICTS, 50, 49.6, {"c": UnseenReport((Unseen("new", 4, 1),), 1.0)})


def test_what_has_occurred_is_listed_and_rates_of_rows_always():
    assert REPORT.quality_json() == [
        {
            "rate": "missing",
            "role": "input",
            "feature": "a",
            "share": 0.1,
            "successes": 5,
            "trials": 50,
            "reference_share": 0.02,
            "reference_rows": 1000,
            "state": None,
            "log_e": None,
            "log_e_threshold": None,
            "since_unix_s": None,
        },
        {
            "rate": "duplicate_rows",
            "role": "input",
            "feature": None,
            "share": None,
            "successes": 0,
            "trials": 0,
            "reference_share": None,
            "reference_rows": 0,
            "state": "violated",
            "log_e": 9.0,
            "log_e_threshold": 8.5,
            "since_unix_s": 12.0,
        },
    ]


def test_unseen_categories_are_told_for_categorical_features_only():
    assert REPORT.feature_json("c", 3) == {
        "unseen": [{"category": "new", "count": 4, "error": 1}],
        "distinct": 4.0,
    }
    assert REPORT.feature_json("a", 0) == {}
