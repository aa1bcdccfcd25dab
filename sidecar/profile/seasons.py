"""A reference for every hour of the week.

Traffic that changes with the hour and the weekday is compared with the same hour of the week, in UTC: what
counts is that the same hour comes back after 168 hours (a change to summer time moves it by one). An hour
was seen in fewer rows than the whole, so its shares are drawn towards those of the whole,

    q_h = (S_h + kappa q) / (n_h + kappa)

which an hour never seen has for its own. It then counts as measured on kappa rows only, which makes its band
wide.

Lanes of 168 hours are kept packed, one block of bytes an hour, and unpacked when an hour comes: 36 lanes of
one feature take 6 KB while no hour has more than 65,535 values in one lane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from kernels.binning import F64, I64
from sidecar.errors import BadReference
from sidecar.profile.damage import decode_part, refusing
from sidecar.profile.packing import pack_counts, unpack_counts

PART = "hour_of_week"
FORMAT = 1
HOURS = 168
KAPPA = 64.0  # rows of the whole that are mixed into every hour
HOUR_S = 3600
EPOCH_HOUR = 3 * 24  # 1970-01-01 was a Thursday; hour 0 begins on Monday


def hour_of_week(unix_s: float) -> int:
    """Hour of the week of a time.

    Args:
        unix_s: seconds since the epoch, finite.

    Returns:
        0 (Monday, 0:00 UTC) to 167.
    """
    return (int(unix_s // HOUR_S) + EPOCH_HOUR) % HOURS


def shrink(successes: F64, trials: F64, shares: F64, kappa: float = KAPPA) -> tuple[F64, F64]:
    """Shares of one hour, drawn towards those of the whole.

    Args:
        successes: S_h, shape (R,).
        trials: n_h, shape (R,).
        shares: q of the whole, shape (R,).
        kappa: rows of the whole that are mixed in, > 0.

    Returns:
        q_h and the rows n_h + kappa that it counts as, each of shape (R,).

    Source: the posterior mean under a Beta(kappa q, kappa (1 - q)) prior.
    """
    rows = trials + kappa
    return (successes + kappa * shares) / rows, rows


@dataclass(frozen=True, slots=True)
class Seasons:
    """Lanes of every feature in every hour of the week.

    Args:
        widths: number of lanes by feature name, in the order in which they are packed.
        hours: one block of bytes for each of the 168 hours, from `pack_counts`.
    """

    widths: Mapping[str, int]
    hours: tuple[bytes, ...]

    def lanes(self, hour: int) -> dict[str, I64]:
        """The lanes of one hour.

        Args:
            hour: 0 to 167.

        Returns:
            By feature name, int64, as in `FeatureReference.counts`.
        """
        flat = unpack_counts(self.hours[hour])
        ends = np.cumsum(list(self.widths.values()), dtype=np.int64)
        return dict(zip(self.widths, np.split(flat, ends[:-1]), strict=True)) if self.widths else {}


@dataclass(slots=True, eq=False)
class SeasonTally:
    """Counts by hour of the week while they are being gathered; merging is addition.

    Args:
        widths: number of lanes by feature name.
        counts: shape (168, sum of the widths), int64.
    """

    widths: Mapping[str, int]
    counts: I64 = field(default_factory=lambda: np.zeros((HOURS, 0), dtype=np.int64))

    def __post_init__(self) -> None:
        if not self.counts.size:
            self.counts = np.zeros((HOURS, sum(self.widths.values())), dtype=np.int64)

    def add(self, unix_s: float, lanes: Sequence[I64]) -> None:
        """Adds what was counted in one hour, or a part of it.

        Args:
            unix_s: begin of the stretch.
            lanes: for each feature its lanes, in the order of `widths`; padding is cut off.
        """
        cut = [row[:width] for row, width in zip(lanes, self.widths.values(), strict=True)]
        if cut:
            self.counts[hour_of_week(unix_s)] += np.concatenate(cut)

    def merge(self, other: SeasonTally) -> None:
        """Adds another tally of the same features.

        Args:
            other: with the same widths.
        """
        self.counts += other.counts

    @classmethod
    def of(cls, seasons: Seasons) -> SeasonTally:
        """Goes on from what was gathered.

        Args:
            seasons: from `seasons`.

        Returns:
            A tally of the same.
        """
        return cls(dict(seasons.widths), np.stack([unpack_counts(block) for block in seasons.hours]))

    def seasons(self) -> Seasons:
        """What was gathered.

        Returns:
            The lanes, packed.
        """
        return Seasons(dict(self.widths), tuple(pack_counts(row) for row in self.counts))


def pack(seasons: Seasons) -> bytes:
    """The reference's part `hour_of_week`.

    Args:
        seasons: any.

    Returns:
        msgpack: `{"format": 1, "features": [[name, lanes], ...], "hours": [bytes] * 168}`; the bytes are the
        size of a count (1, 2, 4 or 8) and all lanes as little-endian unsigned numbers of it.
    """
    return msgspec.msgpack.encode(
        {
            "format": FORMAT,
            "features": [[name, width] for name, width in seasons.widths.items()],
            "hours": list(seasons.hours),
        }
    )


def unpack(part: bytes) -> Seasons:
    """What `pack` packed.

    Args:
        part: of a reference.

    Returns:
        The seasons.

    Raises:
        BadReference: "hour_of_week: expected format 1, got 2"; likewise for other damage.
    """
    with refusing(BadReference, PART, "lanes by hour"):
        fields = decode_part(part, PART, FORMAT)
        widths = {str(name): int(width) for name, width in fields["features"]}
        if min(widths.values(), default=0) < 0:
            raise ValueError("fewer than no lanes")
        hours = tuple(fields["hours"])
        sizes = {unpack_counts(block).size for block in hours}
    if len(hours) != HOURS or sizes != {sum(widths.values())}:
        wanted = sum(widths.values())
        raise BadReference(f"{PART}: expected {HOURS} hours of {wanted} lanes, got {len(hours)} of {sizes}")
    return Seasons(widths, hours)
