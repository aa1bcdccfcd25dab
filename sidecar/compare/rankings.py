"""Rank-biased overlap of two rankings."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

PERSISTENCE = 0.9  # the first ten places hold 86 % of the weight


def rank_biased_overlap(
    primary: Sequence[Hashable], shadow: Sequence[Hashable], persistence: float = PERSISTENCE
) -> float:
    """How much two rankings have in common, the upper places counting most.

    The agreement at depth d is the share of items that the first d places have in common; RBO is its mean
    under weights that fall by the persistence from place to place, extrapolated beyond the end of the
    rankings.

    Args:
        primary: items, best first; repeated items count at their first place.
        shadow: items, best first.
        persistence: p, 0 < p < 1: how likely a reader goes on to the next place.

    Returns:
        0 (nothing in common) to 1 (the same); 1 for two empty rankings, 0 when only one is.

    Source: Webber, Moffat and Zobel (2010), equation 32, for rankings of different lengths.
    Worked example: abc against acb with p = 0.9 give 0.955.
    """
    short, long = sorted((list(dict.fromkeys(primary)), list(dict.fromkeys(shadow))), key=len)
    if not short:
        return 1.0 if not long else 0.0
    in_short: set[Hashable] = set()
    in_long: set[Hashable] = set()
    common = 0
    overlaps: list[int] = []
    for depth, item in enumerate(long):
        in_long.add(item)
        common += item in in_short
        if depth < len(short):
            in_short.add(short[depth])
            common += short[depth] in in_long
        overlaps.append(common)
    return _extrapolated(overlaps, len(short), persistence)


def _extrapolated(overlaps: list[int], short: int, p: float) -> float:
    long = len(overlaps)
    agreed = sum(overlap / depth * p**depth for depth, overlap in enumerate(overlaps, 1))
    at_short, at_long = overlaps[short - 1], overlaps[-1]
    beyond = sum(
        at_short * (depth - short) / (short * depth) * p**depth for depth in range(short + 1, long + 1)
    )
    tail = ((at_long - at_short) / long + at_short / short) * p**long
    return min(max((1.0 - p) / p * (agreed + beyond) + tail, 0.0), 1.0)
