"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the monitor

# Continuous integration tries the same examples each time, so that it says of a change what the change did.
# Elsewhere the search goes where it likes, and what it finds becomes an `example`.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
