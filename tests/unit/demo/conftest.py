"""The demonstration's rows and model, read and trained once for all of its tests."""

from __future__ import annotations

import pytest

from sidecar.demo.flights import Flights, Split, load_flights, split_flights
from sidecar.demo.model import LateModel, train_model


@pytest.fixture(scope="package")
def flights() -> Flights:
    return load_flights()


@pytest.fixture(scope="package")
def split(flights: Flights) -> Split:
    return split_flights(flights)


@pytest.fixture(scope="package")
def model(flights: Flights, split: Split) -> LateModel:
    return train_model(flights.take(split.training))
