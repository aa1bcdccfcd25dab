from __future__ import annotations

import pytest

from sidecar.demo.app import run_demo
from sidecar.errors import ConfigError


@pytest.mark.parametrize("seconds", [0.0, -1.0, 600.5, float("nan")])
def test_a_length_out_of_range_is_refused_before_anything_starts(seconds: float) -> None:
    with pytest.raises(ConfigError) as caught:
        run_demo(seconds)
    assert str(caught.value) == f"--seconds: expected a number above 0 and up to 600, got {seconds:g}"
