from __future__ import annotations

import pytest

from sidecar.config.shadow import RampConfig
from sidecar.mirror.choice import is_chosen, key_hash, ratio_at


def chosen(ratio, keys=range(20_000)):
    return {key for key in keys if is_chosen(key_hash(f"request {key}"), ratio)}


@pytest.mark.parametrize("ratio", [0.01, 0.1, 0.5])
def test_a_share_of_all_keys_is_chosen(ratio):
    assert len(chosen(ratio)) / 20_000 == pytest.approx(ratio, rel=0.15)


def test_none_and_all():
    assert chosen(0.0) == set()
    assert len(chosen(1.0)) == 20_000


def test_a_larger_share_only_adds():
    assert chosen(0.05) < chosen(0.06)


def test_the_same_key_is_chosen_in_every_process():
    assert key_hash("session-7") == 0x4E1B615FC715581A


RAMP = (RampConfig(after_s=60.0, ratio=0.5), RampConfig(after_s=10.0, ratio=0.1))


@pytest.mark.parametrize(
    ("age_s", "ratio"), [(0.0, 0.0), (9.9, 0.0), (10.0, 0.1), (59.0, 0.1), (60.0, 0.3), (1e9, 0.3)]
)
def test_ramp_rises_step_by_step_up_to_the_ratio(age_s, ratio):
    assert ratio_at(0.3, RAMP, age_s) == ratio


def test_without_a_ramp_the_ratio_holds_at_once():
    assert ratio_at(0.3, (), 0.0) == 0.3
