from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.config.load import load_config
from sidecar.config.model import AlarmConfig, Config, ModelConfig, ReferenceConfig, WindowConfig
from sidecar.monitor.settings import NS, AnalysisSettings, fingerprint
from sidecar.profile.history import WindowPlan


def test_settings_come_from_the_configuration() -> None:
    config = Config(
        reference=ReferenceConfig(auto_rows=700),
        window=WindowConfig(pane_s=5.0, horizons_s=(10.0,), min_rows=50),
        alarm=AlarmConfig(false_alarm_days=3.0, tolerance=0.02),
        models=(ModelConfig(name="m", features=("a",), prediction="p"),),
    )
    assert AnalysisSettings.from_config(config, "m") == AnalysisSettings(
        5.0, (10.0,), 50, 700, 3.0, 0.02, ("a",), "p", 10.0, "sliding", None, ()
    )
    assert AnalysisSettings.from_config(config, "other").features == ()


def test_windows_come_from_the_configuration() -> None:
    config = load_config(
        "window: {kind: tumbling, pane_s: 2, lateness_s: 0.5, horizons_s: [4, 60], half_lives_s: [30]}"
    )
    assert AnalysisSettings.from_config(config, "m").plan() == WindowPlan(
        pane_ns=2 * NS,
        horizons_ns=(4 * NS, 60 * NS),
        lateness_ns=NS // 2,
        kind="tumbling",
        pane_rows=None,
        half_lives_ns=(30 * NS,),
    )


def test_panes_by_rows_come_from_the_configuration() -> None:
    config = load_config("window: {pane_rows: 500}")
    assert AnalysisSettings.from_config(config, "m").plan().pane_rows == 500


@pytest.mark.parametrize(
    "change",
    [
        {"pane_s": 1.0},
        {"horizons_s": (1.0,)},
        {"lateness_s": 0.0},
        {"window_kind": "tumbling"},
        {"pane_rows": 10},
        {"half_lives_s": (1.0,)},
        {"prediction": "p"},
    ],
)
def test_what_changes_what_is_kept_changes_the_fingerprint(change: dict[str, Any]) -> None:
    plain = AnalysisSettings()
    assert fingerprint(replace(plain, **change), None) != fingerprint(plain, None)


def test_what_only_changes_how_it_is_read_does_not() -> None:
    assert fingerprint(AnalysisSettings(min_rows=7), None) == fingerprint(AnalysisSettings(), None)
