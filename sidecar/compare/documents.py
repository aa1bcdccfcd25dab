"""Two JSON documents, path by path.

Paths are written as in most tools, `choices[0].message.content`; rules name them with `*` for any one step
and `**` for any number of steps. Objects have no order, arrays have one. Numbers differ when they lie further
apart than the tolerance allows, whether they are written as integers or with a point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, TypeAlias

Reason = Literal["value", "type", "missing", "extra", "length"]
Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

MOST_DIFFERENCES = 64  # told of one pair; two documents that have nothing in common need no list


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two numbers may lie apart and still be the same: at most absolute + relative |primary|.

    Args:
        absolute: >= 0.
        relative: >= 0.
    """

    absolute: float = 0.0
    relative: float = 0.0

    def allows(self, primary: float, shadow: float) -> bool:
        """Whether two numbers count as the same.

        Args:
            primary: of the primary's answer.
            shadow: of the shadow's answer.

        Returns:
            True also for two NaN and for two infinities of one sign.
        """
        if primary == shadow or (math.isnan(primary) and math.isnan(shadow)):
            return True
        if not (math.isfinite(primary) and math.isfinite(shadow)):
            return False
        return abs(shadow - primary) <= self.absolute + self.relative * abs(primary)


@dataclass(frozen=True, slots=True)
class DocumentRules:
    """What counts as a difference.

    Args:
        tolerance: of numbers that no pattern names.
        tolerances: of numbers whose path a pattern matches; the first that matches decides.
        ignored: patterns of paths that are passed over, with all that lies below them.
    """

    tolerance: Tolerance = Tolerance()
    tolerances: Mapping[str, Tolerance] | None = None
    ignored: Sequence[str] = ()

    def ignores(self, path: Path) -> bool:
        """Whether a path is passed over."""
        return any(matches(pattern, path) for pattern in self.ignored)

    def tolerance_at(self, path: Path) -> Tolerance:
        """The tolerance of a number."""
        for pattern, tolerance in (self.tolerances or {}).items():
            if matches(pattern, path):
                return tolerance
        return self.tolerance


@dataclass(frozen=True, slots=True)
class Difference:
    """One place at which two documents differ.

    Args:
        path: where.
        reason: `missing` when the shadow lacks it, `extra` when the primary does.
    """

    path: Path
    reason: Reason

    def to_text(self) -> str:
        """The path as text, array places left out, so that like differences have one name.

        Returns:
            `choices[*].message.content`; `$` for the document itself.
        """
        return path_text(tuple("*" if isinstance(step, int) else step for step in self.path))


def differences(primary: Any, shadow: Any, rules: DocumentRules) -> list[Difference]:
    """Where two documents differ.

    Args:
        primary: decoded JSON.
        shadow: decoded JSON.
        rules: tolerances, and what to pass over.

    Returns:
        At most `MOST_DIFFERENCES`, in the primary's order; empty when they are the same.
    """
    found: list[Difference] = []
    # What waits is one iterator a level, so memory grows with the depth and not with the length.
    levels: list[Iterator[tuple[Step, Any, Any]]] = [iter([("$", primary, shadow)])]
    steps: list[Step] = []  # to where we are, the document itself first
    while levels and len(found) < MOST_DIFFERENCES:
        pair = next(levels[-1], None)
        if pair is None:
            levels.pop()
            continue
        step, ours, theirs = pair
        steps[len(levels) - 1 :] = [step]
        if rules.ignored and rules.ignores(tuple(steps[1:])):
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            if ours.keys() != theirs.keys():
                found += islice(_keys_apart(tuple(steps[1:]), ours, theirs, rules), MOST_DIFFERENCES)
            levels.append(_shared_keys(ours, theirs))
        elif isinstance(ours, list) and isinstance(theirs, list):
            if len(ours) != len(theirs):
                found.append(Difference(tuple(steps[1:]), "length"))
            levels.append(_shared_places(ours, theirs))
        elif type(ours) is not type(theirs) or ours != theirs:
            found += _values_apart(tuple(steps[1:]), ours, theirs, rules)
    return found[:MOST_DIFFERENCES]


def _shared_keys(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[tuple[Step, Any, Any]]:
    return ((key, ours[key], theirs[key]) for key in ours if key in theirs)


def _shared_places(ours: list[Any], theirs: list[Any]) -> Iterator[tuple[Step, Any, Any]]:
    return ((place, one, other) for place, (one, other) in enumerate(zip(ours, theirs, strict=False)))


def _keys_apart(
    path: Path, ours: dict[str, Any], theirs: dict[str, Any], rules: DocumentRules
) -> Iterator[Difference]:
    sides: tuple[tuple[dict[str, Any], dict[str, Any], Reason], ...] = (
        (ours, theirs, "missing"),
        (theirs, ours, "extra"),
    )
    for one, other, reason in sides:
        for key in one:
            if key not in other and not rules.ignores((*path, key)):
                yield Difference((*path, key), reason)


def _values_apart(path: Path, ours: Any, theirs: Any, rules: DocumentRules) -> Iterator[Difference]:
    if _is_number(ours) and _is_number(theirs):
        if ours != theirs and not rules.tolerance_at(path).allows(_float(ours), _float(theirs)):
            yield Difference(path, "value")
    elif type(ours) is not type(theirs):
        yield Difference(path, "type")
    elif ours != theirs:
        yield Difference(path, "value")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _float(value: float) -> float:
    """JSON knows integers that no float64 holds."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def path_text(path: Path) -> str:
    """A path as text.

    Args:
        path: keys and places.

    Returns:
        `a.b[3].c`; `$` for the document itself.
    """
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) or step == "*" else f".{step}" if text else step
    return text or "$"


def matches(pattern: str, path: Path) -> bool:
    """Whether a pattern names a path.

    Args:
        pattern: steps parted by points, places in brackets; `*` is any one step, `**` any number of them.
        path: keys and places.

    Returns:
        True when the whole path is named.
    """
    return _steps_match(_steps(pattern), tuple(str(step) for step in path))


@lru_cache(maxsize=1024)
def _steps(pattern: str) -> tuple[str, ...]:
    return tuple(step for step in pattern.replace("[", ".").replace("]", "").split(".") if step)


def _steps_match(wanted: tuple[str, ...], given: tuple[str, ...]) -> bool:
    """Every `**` is tried at its shortest first, and lengthened from the last one back."""
    at = place = 0
    again: tuple[int, int] | None = None
    while place < len(given):
        if at < len(wanted) and wanted[at] == "**":
            again = (at, place)
            at += 1
        elif at < len(wanted) and wanted[at] in ("*", given[place]):
            at += 1
            place += 1
        elif again is not None:
            again = (again[0], again[1] + 1)
            at, place = again[0] + 1, again[1]
        else:
            return False
    return all(step == "**" for step in wanted[at:])
