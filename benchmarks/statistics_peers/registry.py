"""Who takes part in bench_statistics: in which environment, and what counts as importing it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class StatisticsPeer:
    """One contestant.

    Attributes:
        name: of the module `with_NAME` beside this file.
        label: for the eye, with the method that its alarm stands for.
        environment: `.venv-bench-peers-ENVIRONMENT`, made by `make bench`; None for our own interpreter.
        distribution: what is installed.
        imports: what a program that uses it imports.
    """

    name: str
    label: str
    environment: str | None
    distribution: str
    imports: str

    def python(self, folder: Path = ROOT) -> Path:
        """The interpreter, which may not exist."""
        if self.environment is None:
            return Path(sys.executable)
        return folder / f".venv-bench-peers-{self.environment}" / "bin" / "python"


STATISTICS_PEERS: tuple[StatisticsPeer, ...] = (
    StatisticsPeer(
        "sidecar",
        "sidecar",
        None,
        "model-sidecar",
        "import sidecar.drift.detector, sidecar.drift.univariate, sidecar.profile.learning",
    ),
    StatisticsPeer(
        "boost_histogram", "boost-histogram", "streaming", "boost-histogram", "import boost_histogram"
    ),
    StatisticsPeer("datasketches", "datasketches KLL", "streaming", "datasketches", "import datasketches"),
    StatisticsPeer("river", "river ADWIN", "streaming", "river", "from river.drift import ADWIN"),
    StatisticsPeer(
        "whylogs",
        "whylogs",
        "whylogs",
        "whylogs",
        "import whylogs; from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores",
    ),
    StatisticsPeer("nannyml", "NannyML", "nannyml", "nannyml", "import nannyml"),
    StatisticsPeer(
        "alibi", "alibi-detect KSDrift", "alibi", "alibi-detect", "from alibi_detect.cd import KSDrift"
    ),
    StatisticsPeer(
        "evidently",
        "Evidently",
        "evidently",
        "evidently",
        "from evidently import Report; from evidently.presets import DataDriftPreset",
    ),
)
