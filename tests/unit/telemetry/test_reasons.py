from __future__ import annotations

from sidecar.ring.counters import COUNTERS
from sidecar.ring.record import Outcome
from sidecar.telemetry.reasons import ACCESS_LOG_LOSSES, DROP_REASONS, OUTCOMES, STATISTICS


def test_every_counter_of_a_loss_is_a_reason() -> None:
    dropped = {counter.name for counter in COUNTERS if counter.role == "dropped"}
    assert {reason.value for reason in DROP_REASONS} == dropped


def test_every_outcome_is_described() -> None:
    assert [reason.value for reason in OUTCOMES] == [outcome.name.lower() for outcome in Outcome]


def test_no_value_occurs_twice() -> None:
    for reasons in (ACCESS_LOG_LOSSES, DROP_REASONS, OUTCOMES, STATISTICS):
        values = [reason.value for reason in reasons]
        assert len(set(values)) == len(values) > 1
