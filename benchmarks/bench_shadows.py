"""Does a shadow reach callers? Latency with shadows that misbehave beside the same sidecar without shadows.

    python -m benchmarks.bench_shadows            # 15 rounds: about ten minutes
    python -m benchmarks.bench_shadows --quick    # 7 shorter rounds
    python -m benchmarks.bench_shadows --assert   # exit 1 when a shadow is felt

Measured and judged as bench_faults does, beside a sidecar that monitors and has no shadow. Every shadow takes
what the defaults allow, and its circuit breaker is off, but in one state: it is asked on and on.
"""

from __future__ import annotations

import sys

from benchmarks.bench_faults import Plan, run_plan
from benchmarks.fault_states import SHADOW_STATES, WITHOUT_SHADOWS

SHADOWS = Plan("bench_shadows", __doc__ or "", WITHOUT_SHADOWS, SHADOW_STATES, "shadows")


if __name__ == "__main__":
    sys.exit(run_plan(SHADOWS))
