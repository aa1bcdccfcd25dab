"""Servers that several files ask; a real one starts once, when the first test needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mlserver import MlServer
from tests.support.mlserver import mlserver as running_mlserver
from tests.support.upstream import FakeUpstream


@pytest.fixture(scope="session")
def mlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlServer]:
    """A real MLServer with the models `iris` and `talk`."""
    with running_mlserver(tmp_path_factory.mktemp("mlserver")) as running:
        yield running


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    """A model server that answers as a test tells it."""
    with FakeUpstream() as running:
        yield running
