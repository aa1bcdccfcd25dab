from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.soak.shadows import ENDS, VERDICTS, Report, judge
from benchmarks.soak.watch import Trend


def status() -> dict[str, Any]:
    """Of a run in which all is as it should be: 1,000 exchanges, ten of them dropped."""
    shadows = [
        {
            "name": name,
            "mirrored": 900,
            "skipped": {"busy": 90},
            "ended": dict.fromkeys(ENDS[name], 900),
            "findings": [{"name": subject, "state": state} for subject, state in VERDICTS[name].items()],
        }
        for name in ("dead", "slow", "lying")
    ]
    accounting = {
        "seen": 1000,
        "analysed": 990,
        "sampled_out": 0,
        "in_flight": 0,
        "dropped": {"ring_full": 10},
    }
    return {"accounting": accounting, "shadow": shadows}


def report(errors: int = 0, climbs: bool = False) -> Report:
    return Report(
        parts=[{"errors": errors, "without": {"errors": 0}}],
        trends=[Trend("monitor", "memory", 1e8, 2e8, 1e8, climbs)],
    )


def test_nothing_is_found_when_all_is_well() -> None:
    found = report()
    judge(found, status(), decided=True)
    assert found.faults == []


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda of: of["accounting"].update(seen=1001), "accounting"),
        (lambda of: of["shadow"][0]["skipped"].clear(), "dead: 990 exchanges offered"),
        (lambda of: of["shadow"][1]["ended"].update(answered=899), "slow: 900 copies"),
        (lambda of: of["shadow"][2].update(ended={"broken": 900}), "lying: expected to end as"),
        (lambda of: of["shadow"][2]["findings"][0].update(state="equivalent"), "lying: agreement"),
    ],
)
def test_what_is_not_accounted_for_or_judged_wrongly_is_told(
    spoil: Callable[[dict[str, Any]], None], what: str
) -> None:
    found, spoilt = report(), status()
    spoil(spoilt)
    judge(found, spoilt, decided=True)
    (fault,) = found.faults
    assert fault.startswith(what)


@pytest.mark.parametrize(("state", "n_faults"), [("undecided", 0), ("equivalent", 1)])
def test_a_short_run_may_leave_open_what_it_may_not_get_wrong(state: str, n_faults: int) -> None:
    found, seen = report(), status()
    seen["shadow"][2]["findings"][0]["state"] = state
    judge(found, seen, decided=False)
    assert len(found.faults) == n_faults


@pytest.mark.parametrize(
    ("seen", "what"),
    [(report(errors=1), "callers: 1 answers"), (report(climbs=True), "growth: monitor: memory")],
)
def test_wrong_answers_and_growth_are_told(seen: Report, what: str) -> None:
    judge(seen, status(), decided=True)
    (fault,) = seen.faults
    assert fault.startswith(what)
