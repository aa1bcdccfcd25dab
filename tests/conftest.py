"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the monitor

# Checks that lie beside their tests tell as much when they fail.
pytest.register_assert_rewrite("tests.contract.gold_checks", "tests.contract.gold_robustness")

# Continuous integration tries the same examples each time, so that it says of a change what the change did.
# Elsewhere the search goes where it likes, and what it finds becomes an `example`.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
