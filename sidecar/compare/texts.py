"""Two generated texts: where they part, how much they share, and which tools they call."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

NGRAM = 3
TEXT_LIMIT = 65_536  # characters of either text that are looked at
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class TextPair:
    """How two texts differ.

    Args:
        same: whether they are equal.
        length_ratio: characters of the shadow's over the primary's; None when the primary's is empty.
        first_divergence: characters that both begin with.
        first_divergence_ratio: the same as a share of the longer text, 0 to 1.
        overlap: share of word n-grams that they have in common, 0 to 1.
    """

    same: bool
    length_ratio: float | None
    first_divergence: int
    first_divergence_ratio: float
    overlap: float


def compare_texts(primary: str, shadow: str) -> TextPair:
    """How two texts differ.

    Args:
        primary: text; only its first `TEXT_LIMIT` characters are looked at.
        shadow: text; likewise.

    Returns:
        The comparison.
    """
    ours, theirs = primary[:TEXT_LIMIT], shadow[:TEXT_LIMIT]
    shared = common_prefix(ours, theirs)
    longer = max(len(ours), len(theirs))
    return TextPair(
        same=primary == shadow,
        length_ratio=len(shadow) / len(primary) if primary else None,
        first_divergence=shared,
        first_divergence_ratio=shared / longer if longer else 1.0,
        overlap=ngram_overlap(ours, theirs),
    )


def common_prefix(first: str, second: str) -> int:
    """Characters that two texts begin with alike.

    Args:
        first: text.
        second: text.

    Returns:
        0 to the length of the shorter one.
    """
    low, high = 0, min(len(first), len(second))
    while low < high:  # halving, for comparing slices is quick and a loop over characters is not
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def ngram_overlap(first: str, second: str, n: int = NGRAM) -> float:
    """Share of word n-grams that two texts have in common.

    Twice the n-grams in both over the n-grams of each (Dice's coefficient on multisets; ROUGE-N's F measure).
    Texts with fewer than n words are taken by their words.

    Args:
        first: text.
        second: text.
        n: words in an n-gram, >= 1.

    Returns:
        0 to 1; 1 for two texts without words.

    Source: Lin (2004).
    Worked example: "the cat sat" and "the cat ran" with n = 2 give 0.5.
    """
    words = [_WORD.findall(text.lower()) for text in (first, second)]
    width = max(1, min(n, *(len(each) for each in words)))
    ours, theirs = (Counter(zip(*(each[k:] for k in range(width)), strict=False)) for each in words)
    total = ours.total() + theirs.total()
    return 2.0 * (ours & theirs).total() / total if total else 1.0


def canonical_tool_calls(calls: Any) -> tuple[tuple[str, str], ...]:
    """Tool calls in a form in which equal calls are equal.

    Args:
        calls: the `tool_calls` of a chat completion: objects with a `function` of `name` and `arguments`, the
            latter as JSON text or as an object; anything else counts as no call.

    Returns:
        Name and arguments of each call, in order; arguments with sorted keys, as they are when no JSON.
    """
    if not isinstance(calls, list):
        return ()
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    return tuple(
        (str(function.get("name")), _canonical(function.get("arguments")))
        for function in functions
        if isinstance(function, dict)
    )


def _canonical(arguments: Any) -> str:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return str(arguments)
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"))
