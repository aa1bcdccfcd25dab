"""When a row was made: seconds since 1970 out of what people write into tables."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from kernels.binning import F64

# The largest plausible values of each unit; 1e11 s is the year 5138, 1e11 ms the year 1973.
UNITS = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6), (float("inf"), 1e-9))


def parse_time(text: str) -> float:
    """Seconds since 1970 of a text.

    Args:
        text: a number (seconds, milliseconds, microseconds or nanoseconds, by its size) or ISO 8601; without
            an offset it is UTC.

    Returns:
        Seconds.

    Raises:
        ValueError: it is neither.
    """
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return float(seconds(np.array([number]))[0])


def seconds(numbers: F64) -> F64:
    """Numbers as seconds since 1970.

    Args:
        numbers: seconds, or whole milliseconds, microseconds or nanoseconds by their size; shape (n,).

    Returns:
        Shape (n,), float64; NaN for NaN.
    """
    scaled = numbers.copy()
    before = 0.0
    for bound, unit in UNITS:
        of_unit = (np.abs(numbers) >= before) & (np.abs(numbers) < bound)
        scaled[of_unit] = numbers[of_unit] * unit
        before = bound
    return scaled
