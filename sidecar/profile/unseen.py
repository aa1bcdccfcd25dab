"""Texts that a vocabulary does not hold: which they are, how often they come, how many there are.

Such a text travels in the matrix of rows as the negative number -1 - key, the key being the upper 53 bits of
its hash, which a float64 holds exactly. So it goes through the rings in its place, belongs to the row's own
time, and costs no memory of its own; whoever counts categories takes it as `other`. 10^6 different texts have
two with one key once in 18,000 times.

The text of a key is remembered by the encoder for as long as it keeps coming (two generations, 0.24 to 0.46
KB a text), and cut to 64 characters. Each stretch of time has a SpaceSaving table and HyperLogLog registers
for every categorical feature that had unseen texts in it, 5.9 KB.

Any caller can send texts that nobody has seen, to every feature at once. So both are bounded for all features
together: up to 32 categorical features have generations of 512 texts and 33 stretches each;
more of them have shorter generations and longer stretches, down to 32 texts and 5 stretches (`most_bytes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.hashing import U8, hash_octets
from kernels.hyperloglog import empty_registers, estimate, fill_registers, merge_registers
from kernels.runs import count_negative
from kernels.space_saving import COUNTERS, KEYS, ROWS, empty_table, fill_table
from sidecar.profile.granules import GRANULES, Granules
from sidecar.profile.unseen_pane import Unseen, UnseenPane, rank_unseen

KEY_BITS = 53  # a float64 holds -1 - key exactly
SHIFT = 64 - KEY_BITS
SHOWN_CHARACTERS = 64
GENERATION = 512  # a text that makes up 1 in 64 comes back long before it is forgotten
LEAST_GENERATION = 32
TEXTS = 16_384  # of all features in a generation
LEAST_STRETCHES = 4
STRETCHES = 1024  # of all features
TEXT_BYTES = 460  # of 64 characters, 4 bytes each, in two dictionaries
STRETCH_BYTES = 5900
_SEED = np.uint64(0)


def key_of(text: str) -> int:
    """Key of a text.

    Args:
        text: any.

    Returns:
        0 to 2^53 - 1: the upper bits of the XXH64 of its UTF-8 bytes.
    """
    octets = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return int(hash_octets(octets, _SEED)) >> SHIFT


def generation_of(features: int) -> int:
    """Texts that a feature remembers twice.

    Args:
        features: how many are categorical, >= 1.

    Returns:
        32 to 512.
    """
    return max(LEAST_GENERATION, min(GENERATION, TEXTS // features))


def stretches_of(features: int) -> int:
    """Stretches that the horizon of a feature is divided into; one more may be held.

    Args:
        features: how many are categorical, >= 1.

    Returns:
        4 to 32.
    """
    return max(LEAST_STRETCHES, min(GRANULES, STRETCHES // features))


def most_bytes(features: int) -> int:
    """Bytes at most, with ever new texts in every feature.

    Args:
        features: how many are categorical.

    Returns:
        0.67 MB for one feature, 21 MB for 32, 59 MB for 1,000.
    """
    if features == 0:
        return 0
    stretches = stretches_of(features) + 1
    return features * (stretches * STRETCH_BYTES + 2 * generation_of(features) * TEXT_BYTES)


class UnseenTexts:
    """Codes of unseen texts, and back; the thread that encodes gives codes, any thread may ask back.

    Args:
        generation: from `generation_of`.
    """

    __slots__ = ("_codes", "_generation", "_older_codes", "_older_texts", "_texts")

    def __init__(self, generation: int = GENERATION) -> None:
        self._generation = generation
        self._codes: dict[str, float] = {}
        self._older_codes: dict[str, float] = {}
        self._texts: dict[int, str] = {}
        self._older_texts: dict[int, str] = {}

    def code(self, text: str) -> float:
        """Code of a text.

        Args:
            text: not in the vocabulary.

        Returns:
            -1 - its key.
        """
        code = self._codes.get(text)
        if code is not None:
            return code
        code = self._older_codes.get(text)
        key = key_of(text) if code is None else -1 - int(code)
        code = -1.0 - key
        if len(self._texts) >= self._generation:
            self._older_codes, self._codes = self._codes, {}
            self._older_texts, self._texts = self._texts, {}
        if len(text) <= SHOWN_CHARACTERS:  # a long text is no key of a dictionary: it is hashed anew
            self._codes[text] = code
        self._texts[key] = text[:SHOWN_CHARACTERS]
        return code

    def text(self, key: int) -> str | None:
        """Text of a key.

        Args:
            key: of `key_of`.

        Returns:
            Its first 64 characters; None when it has not come for long.
        """
        return self._texts.get(key) or self._older_texts.get(key)


@dataclass(slots=True)
class _Granule:
    tables: dict[int, I64]
    registers: dict[int, U8]


class UnseenWindow:
    """Unseen categories of the last horizon, for every categorical feature.

    Args:
        places: columns of the categorical features.
        texts: for each of them who knows the texts.
        horizon_ns: length of the window.
    """

    def __init__(self, places: Sequence[int], texts: Sequence[UnseenTexts], horizon_ns: int) -> None:
        self._texts = dict(zip(places, texts, strict=True))
        self._places = np.array(places, dtype=np.int64)
        self._found = np.zeros(len(places), dtype=np.int64)
        self._kept: dict[int, dict[int, str]] = {place: {} for place in places}
        limit = stretches_of(max(1, len(places)))
        self._granules: Granules[_Granule] = Granules(horizon_ns, lambda: _Granule({}, {}), limit)

    def fill(self, rows: F64, unix_ns: int) -> None:
        """Takes in rows.

        Args:
            rows: shape (n, F), float64, C order; may be a read-only view.
            unix_ns: their time; not older than the horizon.
        """
        count_negative(rows, self._places, self._found)
        for place in self._places[self._found > 0].tolist():
            column = rows[:, place]
            codes = column[column < 0.0]  # NaN is not below 0
            self._take(place, (-1.0 - codes).astype(np.int64), unix_ns)

    def _take(self, place: int, keys: I64, unix_ns: int) -> None:
        granule = self._granules.at(unix_ns)
        if place not in granule.tables:
            granule.tables[place], granule.registers[place] = empty_table(), empty_registers()
        fill_table(keys, granule.tables[place])
        fill_registers(keys.view(np.uint64) << np.uint64(SHIFT), granule.registers[place])

    def expire(self, unix_ns: int) -> None:
        """Drops granules that lie wholly before the horizon.

        Args:
            unix_ns: now.
        """
        self._granules.expire(unix_ns)

    def most_frequent(self, place: int) -> tuple[Unseen, ...]:
        """The unseen categories held, the most frequent first.

        Args:
            place: column of a categorical feature.

        Returns:
            At most 64.
        """
        tables = [granule.tables[place] for granule in self._granules.all() if place in granule.tables]
        kept: dict[int, str] = {}

        def text_of(key: int) -> str | None:
            text = self._text(place, key)
            if text is not None:
                kept[key] = text
            return text

        found = rank_unseen(tables, text_of)
        self._kept[place] = kept
        return found

    def told(self, unix_ns: int) -> dict[int, UnseenPane]:
        """What is held of a stretch of time, for snapshots.

        Args:
            unix_ns: a moment of it.

        Returns:
            Copies, by column, of the features that had unseen texts then.
        """
        granule = self._granules.found(unix_ns)
        if granule is None:
            return {}
        told = {}
        for place, table in sorted(granule.tables.items()):
            texts = {
                key: text for key in table[KEYS].tolist() if (text := self._text(place, key)) is not None
            }
            told[place] = UnseenPane(table.copy(), granule.registers[place].copy(), texts)
        return told

    def _text(self, place: int, key: int) -> str | None:
        return self._texts[place].text(key) or self._kept[place].get(key)

    def distinct(self, place: int) -> float:
        """Estimated number of different unseen categories.

        Args:
            place: column of a categorical feature.

        Returns:
            >= 0, with a standard error of 1.6 %.
        """
        total = empty_registers()
        for granule in self._granules.all():
            if place in granule.registers:
                merge_registers(total, granule.registers[place])
        return float(estimate(total))

    def to_state(self) -> dict[str, Any]:
        """The window for a checkpoint.

        Returns:
            Numbers, texts and bytes; `restore` gives the same window, bit by bit.
        """
        for place in self._texts:
            self.most_frequent(place)  # the texts that are still known are held from now on
        return {
            "granules": [
                [
                    start,
                    place,
                    granule.tables[place].astype("<i8").tobytes(),
                    granule.registers[place].tobytes(),
                ]
                for start, granule in self._granules.items()
                for place in sorted(granule.tables)
            ],
            "texts": [[place, key, text] for place, kept in self._kept.items() for key, text in kept.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError, KeyError, TypeError: it is damaged.
        """
        for start, place, table, registers in state["granules"]:
            granule = self._granules.at(start)
            granule.tables[place] = np.frombuffer(table, dtype="<i8").astype(np.int64).reshape(ROWS, COUNTERS)
            granule.registers[place] = np.frombuffer(registers, dtype=np.uint8).copy()
        for place, key, text in state["texts"]:
            self._kept[place][key] = text
