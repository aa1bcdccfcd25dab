"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# What of the surroundings the software, its callers or what it is made of would read.
FOREIGN = ("SIDECAR_", "OTEL_", "MALLOC_")
for name in [*os.environ]:
    if name.startswith(FOREIGN) or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the monitor

# Checks that lie beside their tests tell as much when they fail.
pytest.register_assert_rewrite("tests.contract.gold_checks", "tests.contract.gold_robustness")

# The same examples each time, so that a run says of a change what the change did, and none fails because the
# machine is slow. `--hypothesis-profile search` lets the search go where it likes; what it finds becomes an
# `example`.
settings.register_profile(
    "repeat", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", parent=settings.get_profile("repeat"), derandomize=False)
settings.load_profile("repeat")
