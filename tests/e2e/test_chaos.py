"""Every kind of caller at once while all around the sidecar breaks: a short soak, and proof that it can fail.

The long one is `python -m benchmarks.soak --minutes 10`. Which faults come when follows from the seed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak.callers import KINDS
from benchmarks.soak.faults import ALWAYS_S, EARLY_S
from benchmarks.soak.run import Settings, run_soak

pytestmark = [pytest.mark.slow]


def test_every_caller_gets_the_exact_answer_or_one_honest_error_while_all_around_breaks(
    tmp_path: Path,
) -> None:
    report = run_soak(Settings(seconds=25.0, seed=1, n_callers=16), tmp_path)
    assert report.faults == []
    assert set(report.faults_injected) == {*ALWAYS_S, *EARLY_S}
    answered = {kind for (kind, name), n in report.tally.outcomes.items() if n and name.startswith("exact")}
    assert answered == {*KINDS} - {"aborting"}
    assert report.tally.outcomes["aborting", "left in the body"] > 0


def test_a_bit_turned_on_the_way_is_found(tmp_path: Path) -> None:
    report = run_soak(Settings(seconds=4.0, seed=2, n_callers=8, sabotage="flip"), tmp_path)
    assert any("differs" in fault for fault in report.faults)
