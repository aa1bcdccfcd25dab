from __future__ import annotations

from sidecar.monitor.level import LOWEST_RATIO, LevelControl


def settle(control: LevelControl, cores_at_full: float, n_steps: int = 200) -> float:
    """Steps with a monitor whose cost is in proportion to the share that it takes."""
    for _ in range(n_steps):
        control.step(cores_at_full * control.ratio, 0.0)
    return control.ratio


def test_within_the_budget_everything_wanted_is_taken() -> None:
    control = LevelControl(wanted_ratio=0.7, budget_cores=0.5)
    assert settle(control, cores_at_full=0.5) == 0.7
    assert control.level == "full"


def test_above_the_budget_the_share_settles_where_it_fits() -> None:
    control = LevelControl(wanted_ratio=1.0, budget_cores=0.5)
    ratio = settle(control, cores_at_full=2.0)
    assert 0.2 <= ratio <= 0.25
    assert control.level == "reduced"


def test_an_overrun_is_answered_at_once() -> None:
    control = LevelControl(wanted_ratio=1.0, budget_cores=0.5)
    assert control.step(used_cores=1.0, ring_fill=0.0) == 0.5


def test_the_share_climbs_back_when_the_load_is_gone() -> None:
    control = LevelControl(wanted_ratio=1.0, budget_cores=0.5)
    settle(control, cores_at_full=50.0)
    assert settle(control, cores_at_full=0.1) == 1.0


def test_a_full_ring_halves_the_share_even_within_the_budget() -> None:
    control = LevelControl(wanted_ratio=1.0, budget_cores=0.5)
    assert control.step(used_cores=0.01, ring_fill=0.9) == 0.5


def test_hopeless_overload_leaves_counters_and_tries_again() -> None:
    control = LevelControl(wanted_ratio=1.0, budget_cores=0.001)
    for _ in range(10):
        control.step(used_cores=1.0, ring_fill=0.0)
    assert control.ratio == 0.0
    assert control.level == "counters"
    assert control.step(used_cores=0.0, ring_fill=0.0) == LOWEST_RATIO


def test_nothing_wanted_is_full() -> None:
    assert LevelControl(wanted_ratio=0.0, budget_cores=0.5).level == "full"
