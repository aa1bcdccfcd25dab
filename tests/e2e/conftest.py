"""Servers that several files ask; each starts once, when the first test needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mlserver import MlServer
from tests.support.mlserver import mlserver as running_mlserver


@pytest.fixture(scope="session")
def mlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlServer]:
    """A real MLServer with the models `iris` and `talk`."""
    with running_mlserver(tmp_path_factory.mktemp("mlserver")) as running:
        yield running
