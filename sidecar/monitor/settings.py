"""What the configuration says about the analysis of one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sidecar.config.model import Config, FeatureConfig
from sidecar.config.river import RiverConfig
from sidecar.profile.history import NS, WindowKind, WindowPlan
from sidecar.profile.reference import Reference


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What the configuration says about the analysis of one model.

    Args:
        pane_s: length of a pane.
        horizons_s: lengths of the windows; the first is judged.
        min_rows: a window with fewer rows is `not_enough_data`.
        auto_rows: rows from which unknown columns are learnt.
        false_alarm_days: days between false alarms of the model, on average.
        tolerance: change of a share at the median that is never an alarm.
        features: names of the input columns in order, or objects that map them.
        prediction: name of the first output.
        lateness_s: how much later than a newer row one may come.
        window_kind: sliding or tumbling.
        pane_rows: rows of a pane, instead of its length.
        half_lives_s: of the decayed sums.
        unit: what counts as independent for the detector.
        design_effect: where its design effects come from.
        season: whether the detector compares with the same hour of the week.
        river: detectors of that library; no part of a checkpoint.
    """

    pane_s: float = 60.0
    horizons_s: tuple[float, ...] = (300.0, 3600.0, 86400.0)
    min_rows: int = 200
    auto_rows: int = 2000
    false_alarm_days: float = 90.0
    tolerance: float = 0.01
    features: tuple[str | FeatureConfig, ...] = ()
    prediction: str | None = None
    lateness_s: float = 10.0
    window_kind: WindowKind = "sliding"
    pane_rows: int | None = None
    half_lives_s: tuple[float, ...] = ()
    unit: Literal["request", "row"] = "request"
    design_effect: Literal["reference", "auto", "none"] = "reference"
    season: Literal["hour_of_week", "learn", "none"] = "hour_of_week"
    river: tuple[RiverConfig, ...] = ()

    @classmethod
    def from_config(cls, config: Config, model: str) -> AnalysisSettings:
        """The settings of a model.

        Args:
            config: the whole configuration.
            model: the model's name, as in the request path.

        Returns:
            The settings.
        """
        known = next((entry for entry in config.models if entry.name == model), None)
        own_days = known.false_alarm_days if known is not None else None
        return cls(
            pane_s=config.window.pane_s,
            horizons_s=config.window.horizons_s,
            min_rows=config.window.min_rows,
            auto_rows=config.reference.auto_rows,
            false_alarm_days=config.alarm.false_alarm_days if own_days is None else own_days,
            tolerance=config.alarm.tolerance,
            features=known.features if known is not None else (),
            prediction=known.prediction if known is not None else None,
            lateness_s=config.window.lateness_s,
            window_kind=config.window.kind,
            pane_rows=config.window.pane_rows,
            half_lives_s=config.window.half_lives_s,
            unit=config.alarm.unit,
            design_effect=config.alarm.design_effect,
            season=config.alarm.season,
            river=config.alarm.river,
        )

    def plan(self) -> WindowPlan:
        """How rows are cut into panes and how long they are kept.

        Returns:
            The plan.
        """
        return WindowPlan(
            pane_ns=max(1, round(self.pane_s * NS)),
            horizons_ns=tuple(round(horizon_s * NS) for horizon_s in self.horizons_s),
            lateness_ns=round(self.lateness_s * NS),
            kind=self.window_kind,
            pane_rows=self.pane_rows,
            half_lives_ns=tuple(round(half_life_s * NS) for half_life_s in self.half_lives_s),
        )


def fingerprint(settings: AnalysisSettings, reference: Reference | None) -> list[Any]:
    """What must be the same for a checkpoint to be gone on with.

    Args:
        settings: of the analysis.
        reference: the file's.

    Returns:
        Numbers, texts, lists and None.
    """
    columns = [[f.name, f.column, f.kind] if isinstance(f, FeatureConfig) else f for f in settings.features]
    return [
        settings.pane_s,
        list(settings.horizons_s),
        settings.auto_rows,
        settings.false_alarm_days,
        settings.tolerance,
        columns,
        settings.prediction,
        settings.lateness_s,
        settings.window_kind,
        settings.pane_rows,
        list(settings.half_lives_s),
        settings.unit,
        settings.design_effect,
        settings.season,
        reference.id if reference is not None else None,
    ]
