from __future__ import annotations

import pytest

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.comparison import ShadowComparison
from sidecar.mirror.job import Job
from sidecar.replay.outcome import Outcome


def test_a_fault_of_ours_costs_one_pair_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Outcome(ShadowComparison(ShadowConfig(name="s", url="http://h:1"), 1 << 20))
    answer = Answer(200, {}, b'{"predictions": [1.0]}', 0.01)
    path = "/v1/models/m:predict"
    job = Job(1, bytes(8), "POST", path, path, {}, b'{"instances": [1.0]}', answer)
    with monkeypatch.context() as broken:
        broken.setattr(ShadowComparison, "_add", lambda *_: 1 / 0)
        outcome.compare(job, answer)
    outcome.compare(job, answer)
    found = outcome.comparison.to_json()
    assert (outcome.ended, found["compared"], found["uncompared"]["fault"]) == ({"answered": 2}, 1, 1)
