from __future__ import annotations

import math

from sidecar.demo.story import Act, Story
from sidecar.demo.summary import describe_accounting, describe_overhead, summarise
from sidecar.demo.traffic import Tally
from sidecar.demo.watch import Accounting, FeatureState, Glance, Overhead

GLANCE = Glance(
    accounting=Accounting(3000, 2990, 0, 4, (("ring_full", 6), ("too_large", 0))),
    overhead=Overhead((0.0001, 0.0002, math.inf), (50.0, 100.0, 100.0)),
)


def _story(quiet: dict[str, str], turning: dict[str, str]) -> Story:
    story = Story()
    for act, when, states in ((Act.QUIET, "January to March", quiet), (Act.TURNING, "April 3", turning)):
        features = [
            FeatureState(name, "output" if name == "late_probability" else "input", state, 9, 0, 0, 0, 0, "")
            for name, state in states.items()
        ]
        story.see(act, features, seconds=1.0, when=when)
    return story


def test_a_success_in_full() -> None:
    story = _story(
        dict.fromkeys(("hour", "temp", "dewp", "late_probability"), "ok"),
        {"hour": "ok", "temp": "drift", "dewp": "drift", "late_probability": "drift"},
    )
    assert summarise(story, Tally(requests=3000, rows=49000), GLANCE) == [
        "",
        "Summary",
        "  no drift     none claimed while there was none",
        "  first alarm  drift in temp, April 3, 1.0 s into this part",
        "  drifted      temp (April), dewp (April), late_probability (April, output)",
        "  unmoved      hour",
        "  requests     3,000 answered (49,000 rows), 0 failed",
        "  monitored    3,000 seen = 2,990 analysed + 0 sampled out + 4 in flight + 6 lost (ring_full 6)",
        "  added time   p50 100 us, p99 198 us inside the sidecar",
        "  verdict      the drift was found, and none was claimed before it",
    ]


def test_a_failure_names_its_faults() -> None:
    story = _story({"temp": "drift", "dewp": "ok"}, {"temp": "drift", "dewp": "ok"})
    tally = Tally(requests=1, rows=2, failed=3, left_out=4, first_failure="status 503: busy")
    assert summarise(story, tally, Glance(accounting=Accounting(seen=1))) == [
        "",
        "Summary",
        "  no drift     FALSE ALARMS in temp",
        "  drift        none found",
        "  requests     1 answered (2 rows), 3 failed, 4 left out to keep time",
        "               first failure: status 503: busy",
        "  monitored    1 seen = 0 analysed + 0 sampled out + 0 in flight + 0 lost (DOES NOT BALANCE)",
        "  added time   p50 -, p99 - inside the sidecar",
        "  FAULT        false alarm: drift in temp, January to March, 1.0 s into this part",
        "  FAULT        dewp: expected drift to be found, got none",
        "  verdict      not as it should be",
    ]


def test_only_losses_that_happened_are_named() -> None:
    assert describe_accounting(Glance()) == "0 seen = 0 analysed + 0 sampled out + 0 in flight + 0 lost"
    assert describe_overhead(Glance()) == "p50 -, p99 -"
