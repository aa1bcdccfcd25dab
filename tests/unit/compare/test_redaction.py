from __future__ import annotations

import pytest

from sidecar.compare.redaction import NOTHING_HIDDEN, Redaction


@pytest.mark.parametrize(
    ("pattern", "name", "hidden"),
    [
        ("name", "name", True),
        ("name", "names", False),
        ("address[*]", "address[3]", True),
        ("address.*", "address[3]", True),
        ("address[3]", "address[4]", False),
        ("a[0]", "a[0]", True),
        ("**", "anything", True),
        ("odd..name", "odd..name", True),
    ],
)
def test_columns_are_hidden_by_name_or_pattern(pattern, name, hidden):
    assert Redaction(("other", pattern)).hides(name) is hidden


def test_nothing_is_hidden_without_patterns():
    assert not NOTHING_HIDDEN.hides("name")
