"""A subject of many features through a day of traffic, for the resident memory that it takes.

    python -m tests.support.resident FEATURES numeric|categorical

prints what the process held before and after, and what is stated for the subject and for its learning.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

import sidecar.monitor.app  # all that a monitor loads
from sidecar.config.load import load_config
from sidecar.heap import return_large_blocks
from sidecar.monitor.subjects import Subject, Subjects
from sidecar.payload.columns import Columns, intern_schema

MINUTE = 60_000_000_000
DAY = 1_700_000_000 // 86_400 * 1440  # a midnight, in minutes
LEARNT_ROWS = 2000  # reference.auto_rows
ROWS = 20

assert sidecar.monitor.app


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def most_resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


class Traffic:
    """Rows of one model."""

    def __init__(self, width: int, kind: str) -> None:
        self.rng = np.random.default_rng(1)
        self.kind = kind
        self.width = width
        names = tuple(f"f{place:04}" for place in range(width))
        self.schema = intern_schema(names, (kind,) * width)  # type: ignore[arg-type]
        self.subjects = Subjects(load_config(""), None, lambda: None, epoch=1)

    def send(self, rows: int, minute: int) -> Subject:
        """Some rows of one minute, each with a missing value."""
        numeric, texts = np.empty((rows, 0)), ()
        if self.kind == "numeric":
            numeric = self.rng.normal(size=(rows, self.width))
            numeric[np.arange(rows), self.rng.integers(self.width, size=rows)] = np.nan
        else:
            codes = self.rng.zipf(1.4, size=(self.width, rows))
            texts = tuple([f"category {code:055}" for code in column] for column in codes.tolist())
        columns = Columns("v2", "request", "m", "1", None, rows, self.schema, numeric, texts, ())
        now = (DAY + minute) * MINUTE
        assert self.subjects.stage(columns, "input", "m", "1", now, minute)
        self.subjects.flush()
        (subject,) = self.subjects.all()
        subject.ring.drain(lambda block, stamps: subject.add(block, stamps, now))
        return subject


def main() -> None:
    return_large_blocks()  # as a monitor does
    before = resident_bytes()
    traffic = Traffic(int(sys.argv[1]), sys.argv[2])
    for _ in range(LEARNT_ROWS // 500):
        traffic.send(500, 0)
    learning = most_resident_bytes()
    granule_minutes = 20  # of the longest horizon, for 1,000 features
    for minute in [*range(1, 1440, granule_minutes), *range(1440, 1505)]:
        subject = traffic.send(ROWS, minute)
        subject.judge((DAY + minute) * MINUTE + MINUTE // 2)
    found = {
        "before": before,
        "after": resident_bytes(),
        "learning": learning,
        "stated": subject.most_bytes,
        "stated_learning": subject.learning_bytes,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
