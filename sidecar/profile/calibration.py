"""How often the positive class is true at each score: the map that turns scores into expected labels.

The scores fall into at most 256 bins; the label rate of a bin that rises with the score is the isotonic
regression of the bins' rates, weighted by their rows: pool adjacent violators (Ayer et al. 1955). Between the
bins that hold rows it is linear, as scikit-learn's isotonic calibration is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from kernels.binning import F64, I64
from sidecar.errors import BadReference
from sidecar.profile.damage import decode_part, refusing
from sidecar.profile.packing import pack_counts, unpack_counts

PART = "score_calibration"
FORMAT = 1
BINS = 256


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """What a score has meant.

    Args:
        score: the column of the scores.
        label: the column of the labels.
        positive: the label that counts as positive.
        edges: shape (B + 1,), float64, ascending; the last bin holds its upper edge too.
        counts: rows in each bin, shape (B,), int64.
        positives: rows in it whose label is positive, shape (B,), int64.
        rates: expected label in each bin, shape (B,), float64, ascending, 0 to 1.
    """

    score: str
    label: str
    positive: str
    edges: F64
    counts: I64
    positives: I64
    rates: F64

    @property
    def error(self) -> float | None:
        """How far the scores are from the label rates that they stand for, on average over the rows.

        The expected calibration error (Naeini, Cooper and Hauskrecht 2015) with the isotonic rates in place
        of each bin's own, which would be far from any score by chance alone where a bin holds few rows.
        None for scores that are no probabilities.
        """
        if self.edges[0] != 0.0 or self.edges[-1] != 1.0:
            return None
        centres = 0.5 * (self.edges[:-1] + self.edges[1:])
        return float(self.counts @ np.abs(self.rates - centres) / self.counts.sum())

    def expected(self, scores: F64) -> F64:
        """The expected label of scores.

        Args:
            scores: shape (n,), float64; NaN stays NaN.

        Returns:
            Shape (n,), float64.
        """
        rates: F64 = self.rates[score_bins(self.edges, np.nan_to_num(scores))]
        return np.where(np.isnan(scores), np.nan, rates)


def calibrate(score: str, label: str, positive: str, scores: F64, truths: F64) -> ScoreCalibration:
    """The map of some rows.

    Args:
        score: name of the column of the scores.
        label: name of the column of the labels.
        positive: the label that counts as positive.
        scores: shape (n,), float64; NaN and infinities are left out.
        truths: 1 where the label is positive, else 0, NaN where missing, shape (n,).

    Returns:
        The map. Its bins are 256 of one width if all scores lie between 0 and 1, else at the scores'
        quantiles.

    Raises:
        BadReference: "score 'p': expected rows with a score and a label, got none".
    """
    known = np.isfinite(scores) & ~np.isnan(truths)
    if not known.any():
        raise BadReference(f"score {score!r}: expected rows with a score and a label, got none")
    edges = _bin_edges(scores[known])
    bins = score_bins(edges, scores[known])
    counts = np.bincount(bins, minlength=edges.size - 1).astype(np.int64)
    positives = np.bincount(bins[truths[known] > 0.0], minlength=edges.size - 1).astype(np.int64)
    return ScoreCalibration(
        score, label, positive, edges, counts, positives, pool_rates(edges, counts, positives)
    )


def score_bins(edges: F64, scores: F64) -> I64:
    """The bin of each score.

    Args:
        edges: shape (B + 1,).
        scores: shape (n,), not NaN; those outside go to the bins at the ends.

    Returns:
        Shape (n,), int64, 0 to B - 1.
    """
    return np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, edges.size - 2).astype(np.int64)


def pool_rates(edges: F64, counts: I64, positives: I64) -> F64:
    """Isotonic regression of the bins' label rates.

    Args:
        edges: shape (B + 1,), float64.
        counts: rows of each bin, shape (B,), int64, at least one > 0.
        positives: positive ones among them, shape (B,), int64.

    Returns:
        Shape (B,), float64, ascending; linear in the bins' centres across empty bins.
    """
    pools: list[tuple[int, int, int]] = []  # rows, positives and bins; exact while they are whole numbers
    held = np.flatnonzero(counts)
    for rows, hits in zip(counts[held].tolist(), positives[held].tolist(), strict=True):
        pool = (rows, hits, 1)
        while pools and pools[-1][1] * pool[0] >= pool[1] * pools[-1][0]:
            pool = tuple(a + b for a, b in zip(pools.pop(), pool, strict=True))
        pools.append(pool)
    rates = np.repeat([hits / rows for rows, hits, _ in pools], [bins for _, _, bins in pools])
    centres = 0.5 * edges[:-1] + 0.5 * edges[1:]
    return np.asarray(np.interp(centres, centres[held], rates), dtype=np.float64)


def positive_label(label: str, values: Sequence[str]) -> str:
    """Which of two labels is the positive one: the greater number, or the later text.

    Args:
        label: name of the column.
        values: the different labels that occur.

    Returns:
        One of them.

    Raises:
        BadReference: "label 'y': expected two classes, got 5".
    """
    if len(values) != 2:
        raise BadReference(f"label {label!r}: expected two classes, got {len(values)}")
    try:
        return max(values, key=float)
    except ValueError:
        return max(values)


def pack_calibration(calibration: ScoreCalibration) -> bytes:
    """The reference's part `score_calibration`.

    Args:
        calibration: any.

    Returns:
        msgpack; `unpack_calibration` gives the same again.
    """
    return msgspec.msgpack.encode(
        {
            "format": FORMAT,
            "score": calibration.score,
            "label": calibration.label,
            "positive": calibration.positive,
            "edges": calibration.edges.astype("<f8").tobytes(),
            "counts": pack_counts(calibration.counts),
            "positives": pack_counts(calibration.positives),
            "rates": calibration.rates.astype("<f8").tobytes(),
        }
    )


def unpack_calibration(part: bytes) -> ScoreCalibration:
    """What `pack_calibration` packed.

    Args:
        part: of a reference.

    Returns:
        The map.

    Raises:
        BadReference: "score_calibration: expected format 1, got 2"; likewise for other damage.
    """
    with refusing(BadReference, PART, "its fields"):
        fields = decode_part(part, PART, FORMAT)
        edges = np.frombuffer(fields["edges"], dtype="<f8").astype(np.float64)
        rates = np.frombuffer(fields["rates"], dtype="<f8").astype(np.float64)
        made = ScoreCalibration(
            str(fields["score"]),
            str(fields["label"]),
            str(fields["positive"]),
            edges,
            unpack_counts(fields["counts"]),
            unpack_counts(fields["positives"]),
            rates,
        )
    if not made.counts.size == made.positives.size == rates.size == edges.size - 1:
        raise BadReference(f"{PART}: expected as many bins everywhere, got different numbers")
    return made


def _bin_edges(scores: F64) -> F64:
    if scores.min() >= 0.0 and scores.max() <= 1.0:
        return np.linspace(0.0, 1.0, BINS + 1)
    ends = np.unique(np.quantile(scores, np.linspace(0.0, 1.0, BINS + 1), method="inverted_cdf"))
    return ends if ends.size > 1 else np.array([ends[0], np.nextafter(ends[0], np.inf)])
