"""Metric points, and the small accumulators that the monitor counts with.

OpenTelemetry's own instruments cost 8 us a call with attributes, bisect and a list cost 0.1 us; so the
monitor counts here and the exporters read snapshots. One thread writes an accumulator; a snapshot taken by
another may miss the last observation but is always consistent enough: its count is the sum of its own copy of
the buckets.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sidecar.telemetry.instrument import Instrument

Attributes = tuple[tuple[str, str], ...]

OTHER = "__other__"
DEFAULT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram's state.

    Args:
        bounds: upper inclusive borders, ascending, B of them.
        counts: observations in each bucket, B + 1 of them, the last above every bound; not cumulative.
        total_sum: sum of all observations, in the instrument's unit.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total_sum: float

    @property
    def count(self) -> int:
        """Number of observations."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Point:
    """One series of an instrument now.

    Args:
        attributes: (name, value) pairs in the order of the instrument's attributes; some may be missing.
        value: a number, or Buckets for a histogram.
    """

    attributes: Attributes
    value: float | int | Buckets


@dataclass(frozen=True, slots=True)
class Family:
    """An instrument and its series."""

    instrument: Instrument
    points: Sequence[Point]


Collect = Callable[[], Sequence[Family]]


class Histogram:
    """Counts observations by bucket.

    Args:
        bounds: upper inclusive borders, ascending, not empty.
    """

    __slots__ = ("_bounds", "_counts", "_total_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._total_sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one finite value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total_sum += value

    def snapshot(self) -> Buckets:
        """The state now, as a copy."""
        return Buckets(self._bounds, tuple(self._counts), self._total_sum)


class CounterSet:
    """Sums by attributes, bounded.

    Args:
        instrument: what is counted.
        limit: most attribute sets kept; a further one is counted under `__other__` in every attribute.
    """

    __slots__ = ("_limit", "_sums", "folded", "instrument")

    def __init__(self, instrument: Instrument, limit: int = DEFAULT_LIMIT) -> None:
        self.instrument = instrument
        self.folded = 0
        self._limit = limit
        self._sums: dict[Attributes, float] = {}

    def add(self, attributes: Attributes = (), amount: float = 1) -> None:
        """Adds to the sum of these attributes."""
        sums = self._sums
        if attributes not in sums and len(sums) >= self._limit:
            attributes = fold(attributes)
            self.folded += 1
        sums[attributes] = sums.get(attributes, 0) + amount

    def family(self) -> Family:
        """The sums now, as a copy."""
        return Family(self.instrument, [Point(*item) for item in self._sums.copy().items()])


class HistogramSet:
    """Histograms by attributes, bounded.

    Args:
        instrument: of kind histogram.
        limit: most attribute sets kept; a further one is counted under `__other__` in every attribute.
    """

    __slots__ = ("_histograms", "_latest", "_limit", "folded", "instrument")

    def __init__(self, instrument: Instrument, limit: int = DEFAULT_LIMIT) -> None:
        self.instrument = instrument
        self.folded = 0
        self._limit = limit
        self._histograms: dict[Attributes, Histogram] = {}
        self._latest: tuple[Attributes, Histogram] | None = (
            None  # a hash of attributes costs more than a count
        )

    def observe(self, value: float, attributes: Attributes = ()) -> None:
        """Counts one finite value in the histogram of these attributes."""
        latest = self._latest
        if latest is not None and latest[0] is attributes:
            latest[1].observe(value)
            return
        histogram = self._histograms.get(attributes)
        if histogram is None:
            histogram = self._enter(attributes)
        else:
            self._latest = attributes, histogram
        histogram.observe(value)

    def _enter(self, attributes: Attributes) -> Histogram:
        if len(self._histograms) < self._limit:
            return self._histograms.setdefault(attributes, Histogram(self.instrument.bounds))
        self.folded += 1
        return self._histograms.setdefault(fold(attributes), Histogram(self.instrument.bounds))

    def family(self) -> Family:
        """The histograms now, as copies."""
        return Family(
            self.instrument, [Point(key, item.snapshot()) for key, item in self._histograms.copy().items()]
        )


def fold(attributes: Attributes) -> Attributes:
    """The attribute set that stands for all that found no room.

    Args:
        attributes: any set.

    Returns:
        The same names, every value `__other__`.
    """
    return tuple((name, OTHER) for name, _ in attributes)


def single(instrument: Instrument, value: float | Buckets) -> Family:
    """A family with one point without attributes.

    Args:
        instrument: what was measured.
        value: the number now.
    """
    return Family(instrument, [Point((), value)])


def folded_points(sets: Iterable[CounterSet | HistogramSet]) -> list[Point]:
    """Points of sidecar.attributes.folded.

    Args:
        sets: the accumulators of the process.

    Returns:
        One point for each set that has folded anything.
    """
    return [Point((("instrument", item.instrument.name),), item.folded) for item in sets if item.folded]
