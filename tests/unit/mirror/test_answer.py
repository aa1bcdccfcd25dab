from __future__ import annotations

import pytest

from sidecar.mirror.answer import Answer


@pytest.mark.parametrize(
    ("given", "good"),
    [
        (Answer(200), True),
        (Answer(204), True),
        (Answer(302), False),
        (Answer(500), False),
        (Answer(200, failure="too_long"), False),
        (Answer(0, failure="timeout"), False),
    ],
)
def test_good_is_whole_and_well(given, good):
    assert given.is_good is good
