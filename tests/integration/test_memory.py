"""What the statistics of many features hold, in a process of their own, after a day of traffic."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Modules that are loaded when they are first needed, and what the heap cannot give back.
SLACK_BYTES = 6_000_000


def held(features: int, kind: str) -> dict[str, int]:
    program = [sys.executable, "-m", "tests.support.resident", str(features), kind]
    shown = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(shown.stdout)
    return {**found, "stated": sum(found["stated"].values())}


@pytest.mark.parametrize(("features", "budget_bytes"), [(100, 25_000_000), (1000, 125_000_000)])
def test_numeric_features_stay_within_what_is_stated_and_within_their_budget(
    features: int, budget_bytes: int
) -> None:
    found = held(features, "numeric")
    grown = found["after"] - found["before"]
    assert 0.5 * found["stated"] < grown < found["stated"] + SLACK_BYTES
    assert grown < budget_bytes
    assert found["learning"] - found["before"] < found["stated_learning"] + 2 * SLACK_BYTES


def test_categorical_features_with_ever_new_texts_stay_within_what_is_stated() -> None:
    found = held(100, "categorical")
    grown = found["after"] - found["before"]
    assert 0.5 * found["stated"] < grown < found["stated"] + SLACK_BYTES
