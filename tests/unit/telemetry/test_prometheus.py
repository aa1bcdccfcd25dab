from __future__ import annotations

import math

import pytest

from sidecar.telemetry.names import (
    EXCHANGES,
    FEATURE_DRIFT,
    HTTP_SERVER_ACTIVE_REQUESTS,
    HTTP_SERVER_REQUEST_BODY_SIZE,
    HTTP_SERVER_REQUEST_DURATION,
    INSTRUMENTS,
    LEVEL,
    MONITOR_LAG,
    REQUEST_BYTES,
    RING_USED,
    Instrument,
)
from sidecar.telemetry.points import Buckets, Family, Point, single
from sidecar.telemetry.prometheus import metric_name, render


@pytest.mark.parametrize(
    ("instrument", "name"),
    [
        (HTTP_SERVER_REQUEST_DURATION, "http_server_request_duration_seconds"),
        (HTTP_SERVER_REQUEST_BODY_SIZE, "http_server_request_body_size_bytes"),
        (HTTP_SERVER_ACTIVE_REQUESTS, "http_server_active_requests"),
        (EXCHANGES, "sidecar_exchanges_total"),
        (RING_USED, "sidecar_ring_used_bytes"),
        (REQUEST_BYTES, "sidecar_request_bytes_total"),
        (MONITOR_LAG, "sidecar_monitor_lag_seconds"),
        (FEATURE_DRIFT, "model_feature_drift"),
    ],
)
def test_names_follow_the_translation_rules(instrument: Instrument, name: str) -> None:
    assert metric_name(instrument) == name


def test_no_two_instruments_share_a_name() -> None:
    assert len({metric_name(instrument) for instrument in INSTRUMENTS}) == len(INSTRUMENTS)


def test_nothing_gives_nothing() -> None:
    assert render([]) == ""
    assert render([Family(LEVEL, [])]) == ""
    assert render([], openmetrics=True) == "# EOF\n"


HISTOGRAM = Family(
    Instrument("a.b", "histogram", "s", 'Of "x".', ("k",), (0.5, 1.0)),
    [Point((("k", 'q"\\\n'),), Buckets((0.5, 1.0), (1, 2, 3), 9.5))],
)


def test_a_histogram_is_cumulative_and_escaped() -> None:
    assert render([HISTOGRAM]) == (
        '# HELP a_b_seconds Of "x".\n'
        "# TYPE a_b_seconds histogram\n"
        'a_b_seconds_bucket{k="q\\"\\\\\\n",le="0.5"} 1\n'
        'a_b_seconds_bucket{k="q\\"\\\\\\n",le="1.0"} 3\n'
        'a_b_seconds_bucket{k="q\\"\\\\\\n",le="+Inf"} 6\n'
        'a_b_seconds_sum{k="q\\"\\\\\\n"} 9.5\n'
        'a_b_seconds_count{k="q\\"\\\\\\n"} 6\n'
    )


def test_openmetrics_names_the_family_and_its_unit() -> None:
    counter = Family(Instrument("c.d", "counter", "By", 'Of "y".'), [Point((), 4)])
    assert render([counter], openmetrics=True) == (
        '# HELP c_d_bytes Of \\"y\\".\n# TYPE c_d_bytes counter\n'
        "# UNIT c_d_bytes bytes\nc_d_bytes_total 4\n# EOF\n"
    )


def test_families_of_one_instrument_have_one_head() -> None:
    text = render([single(LEVEL, 1), Family(LEVEL, [Point((("a", "b"),), 2)])])
    assert text.count("# TYPE") == 1
    assert text.endswith('sidecar_level 1\nsidecar_level{a="b"} 2\n')


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3, "3"), (0.25, "0.25"), (1e-05, "1e-05"), (math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")],
)
def test_numbers_are_written_whole(value: float, shown: str) -> None:
    assert render([single(LEVEL, value)]).splitlines()[-1] == f"sidecar_level {shown}"


def test_dots_in_labels_become_underscores() -> None:
    family = Family(HTTP_SERVER_ACTIVE_REQUESTS, [Point((("http.request.method", "GET"),), 1)])
    assert 'http_server_active_requests{http_request_method="GET"} 1' in render([family])
