"""The categories of one feature as codes.

Code 0 is `other`, the texts are numbered from 1 in order of arrival. While learning a vocabulary only grows,
up to its limit; once frozen it never changes. A code never changes its meaning, so one thread may encode
while another counts.

A text that has no code is `other`. With an `UnseenTexts` it gets a negative number that says which text it is
(`sidecar.profile.unseen`), and the counting takes every number outside 1 to K as `other` all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from kernels.lanes import TYPE_ERROR_NAN
from sidecar.payload.columns import NOT_A_TEXT
from sidecar.profile.unseen import UnseenTexts

OTHER = 0
CATEGORY_LIMIT = 64  # more categories share `other`: a lane each, and a stream each in the detector
TEXT_LIMIT = 256  # characters; a text so long is nobody's category, and would be held for ever as one


class Vocabulary:
    """Texts and their codes.

    Args:
        texts: known texts, code 1 first.
        frozen: whether texts not among them are `other` for good.
        limit: most texts held.
        unseen: tells texts without a code from one another; None: all of them are 0.
    """

    __slots__ = ("_codes", "_frozen", "_limit", "_texts", "unseen")

    def __init__(
        self,
        texts: Sequence[str] = (),
        *,
        frozen: bool = False,
        limit: int = CATEGORY_LIMIT,
        unseen: UnseenTexts | None = None,
    ) -> None:
        self._texts = list(texts)
        self.unseen = unseen
        self._codes: dict[str | None, float] = {None: nan, NOT_A_TEXT: TYPE_ERROR_NAN}
        self._codes.update((text, float(code)) for code, text in enumerate(self._texts, 1))
        self._frozen = frozen
        self._limit = limit

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self._texts)

    @property
    def frozen(self) -> bool:
        return self._frozen

    def code(self, text: str) -> float:
        """Code of a text, which joins a vocabulary that is still learning, unless it is too long.

        Args:
            text: a category.

        Returns:
            1 to len(self); 0 for `other`, or its own negative number when there is an `UnseenTexts`.
        """
        code = self._codes.get(text)
        if code is None:
            if self._frozen or len(self._texts) >= self._limit or len(text) >= TEXT_LIMIT:
                return float(OTHER) if self.unseen is None else self.unseen.code(text)
            self._texts.append(text)
            code = self._codes[text] = float(len(self._texts))
        return code

    def codes(self, texts: Sequence[str | None]) -> list[float]:
        """Codes of a column.

        Args:
            texts: categories, None where missing.

        Returns:
            As `code` gives them, NaN where missing, the type error's NaN for `NOT_A_TEXT`.
        """
        known = self._codes
        try:
            return [known[text] for text in texts]
        except KeyError:
            return [nan if text is None else self.code(text) for text in texts]

    def freeze(self) -> tuple[str, ...]:
        """Ends the learning.

        A text that another thread adds at this very moment keeps its code; whoever counts takes codes beyond
        the texts returned here as `other`.

        Returns:
            The texts with code 1 to K.
        """
        self._frozen = True
        return tuple(self._texts)
