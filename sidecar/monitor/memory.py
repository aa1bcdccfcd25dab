"""How many bytes the statistics of one subject take at most, by what takes them.

N numeric and C categorical features, F together; L lanes (36 without categorical features, else 69), K = 899
cells of a sketch, J the numeric features that are joined. Windows and panes are added up by
`sidecar.profile.history.parts_bytes`, with counts of `count_bytes` at rest. Of the rest, in bytes:

    rows            8 x places x (columns + 1) of the feature ring, and 8 F (K + L + 6) for chosen rows apart
    reports         twice F (8 (L + K) + 48) and, for each further horizon, F (8 L + 48): the one that is read
                    and the one that is being made
    detector        250 a rate and 310 a side of a rate's band, forks included: at most 35 rates of numbers
                    and 67 of categories, and two sides of each
    alarm's panes   w F L for each that is told (`sidecar.monitor.ledger`), w being the bytes of a count
    references      8,500 a numeric and 28,000 a categorical feature, comparisons and verdicts included
    quality         33 x (4,400 + 80 F)
    together        8 J^2 x (16 and 4 for every granule and pane that values may be missing in)
    embeddings      2,200 for each component, 25,000 for each of its granules and panes
    unseen          `sidecar.profile.unseen.most_bytes`

While a reference is learnt there are its first rows instead of windows, `learning_bytes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernels.binning import EDGES
from kernels.sketch import CELLS
from sidecar.monitor.ledger import panes_told
from sidecar.monitor.settings import AnalysisSettings
from sidecar.profile import unseen
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.granules import GRANULES
from sidecar.profile.history import parts_bytes
from sidecar.profile.joint_window import GRANULE_LIMIT
from sidecar.profile.lanes import lanes_of
from sidecar.profile.learning import LEARN_VALUES
from sidecar.profile.vocabulary import CATEGORY_LIMIT
from sidecar.profile.window import FIXED_BYTES

TYPICAL_COUNT_BYTES = 2  # of a count at rest: up to 65,535 rows in a cell of a granule
RATE_BYTES, SIDE_BYTES = 250, 310
NUMERIC_RATES = EDGES + 4  # missing, type error, the mean position, the spread
CATEGORICAL_RATES = CATEGORY_LIMIT + 3  # missing, type error, other
NUMERIC_BYTES, CATEGORICAL_BYTES = 8_500, 28_000
STRETCH_BYTES, STRETCH_FEATURE_BYTES = 4_400, 80
COMPONENT_BYTES, VECTORS_BYTES = 2_200, 25_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What the memory of a subject depends on.

    Args:
        numeric: N, those of embeddings included.
        categorical: C.
        columns: of the rows as they come.
        embeddings: how many.
    """

    numeric: int
    categorical: int
    columns: int
    embeddings: int = 0

    @property
    def features(self) -> int:
        return self.numeric + self.categorical


def shape_of(specs: Sequence[FeatureSpec], columns: int, embeddings: int) -> Shape:
    """The shape of a subject.

    Args:
        specs: its features.
        columns: of its rows.
        embeddings: how many of its tensors are.
    """
    numeric = sum(spec.kind == "numeric" for spec in specs)
    return Shape(numeric, len(specs) - numeric, columns, embeddings)


def most_bytes(
    settings: AnalysisSettings, shape: Shape, ring_rows: int, *, count_bytes: int = TYPICAL_COUNT_BYTES
) -> dict[str, int]:
    """Bytes of arrays and objects at most, once references are known.

    Args:
        settings: of the configuration.
        shape: of the subject.
        ring_rows: places of its feature ring.
        count_bytes: of the largest count at rest: 1, 2, 4 or 8.

    Returns:
        By part; "open panes" and "window of 300 s" and so on first.
    """
    width, plan = shape.features, settings.plan()
    lanes = lanes_of(categorical=shape.categorical > 0)
    apart = 8 * width * (CELLS + lanes + 6)
    report = width * (8 * (lanes + CELLS) + FIXED_BYTES)
    report += (len(plan.horizons_ns) - 1) * width * (8 * lanes + FIXED_BYTES)
    rates = shape.numeric * NUMERIC_RATES + shape.categorical * CATEGORICAL_RATES
    joined = min(shape.numeric, settings.max_features)
    held = _joint_panes(settings)
    joint = 8 * joined * joined * (16 + 4 * held) if joined > 1 else 0
    return {
        **parts_bytes(plan, width, lanes, count_bytes=count_bytes),
        "rows on their way": 8 * ring_rows * (shape.columns + 1) + apart,
        "reports": 2 * report,
        "detector": rates * (RATE_BYTES + 2 * SIDE_BYTES),
        "panes of the alarm": (panes_told(plan, width, lanes) + 1) * width * lanes * count_bytes,
        "references": shape.numeric * NUMERIC_BYTES + shape.categorical * CATEGORICAL_BYTES,
        "data quality": (GRANULES + 1) * (STRETCH_BYTES + STRETCH_FEATURE_BYTES * width),
        "features together": joint,
        "embeddings": shape.embeddings * held * VECTORS_BYTES
        + (shape.columns * COMPONENT_BYTES if shape.embeddings else 0),
        "unseen categories": unseen.most_bytes(shape.categorical),
    }


def learning_bytes(settings: AnalysisSettings, shape: Shape) -> int:
    """Bytes of the first rows while references are learnt from them.

    They are kept twice, and put together to be counted; how features move together takes a dozen arrays more.

    Args:
        settings: of the configuration.
        shape: of the subject.
    """
    width = max(1, shape.features)
    rows = min(settings.auto_rows, LEARN_VALUES // width)
    joined = min(shape.numeric, settings.max_features)
    return 8 * rows * (4 * width + 12 * joined)


def _joint_panes(settings: AnalysisSettings) -> int:
    plan = settings.plan()
    panes = -(-plan.horizons_ns[0] // plan.pane_ns)
    n_open = plan.lateness_ns // plan.pane_ns + 2
    return min(panes, GRANULE_LIMIT) + 1 + n_open + 2  # their sum, and its copy with the open panes
