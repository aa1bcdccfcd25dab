from __future__ import annotations

from sidecar.demo.story import Act, Story
from sidecar.demo.watch import FeatureState


def _features(**states: str) -> tuple[FeatureState, ...]:
    return tuple(
        FeatureState(
            name, "input", state, 1000, 0.1, 0.01, 20.0, 15.9, "q0.95 up" if state == "drift" else ""
        )
        for name, state in states.items()
    )


def _see(story: Story, act: Act, when: str = "April 3", **states: str) -> list[str]:
    return [str(alarm) for alarm in story.see(act, _features(**states), seconds=2.5, when=when)]


def test_no_drift_then_drift_in_what_the_seasons_move_is_a_success() -> None:
    story = Story()
    assert _see(story, Act.QUIET, temp="not_enough_data", dewp="not_enough_data", hour="ok") == []
    assert _see(story, Act.QUIET, temp="ok", dewp="ok", hour="ok") == []
    assert _see(story, Act.TURNING, temp="drift", dewp="ok", hour="ok") == [
        "drift in temp (q0.95 up), April 3, 2.5 s into this part"
    ]
    assert _see(story, Act.TURNING, temp="drift", dewp="drift", hour="ok") == [
        "drift in dewp (q0.95 up), April 3, 2.5 s into this part"
    ]
    assert story.faults() == []
    assert [alarm.name for alarm in story.found] == ["temp", "dewp"]
    assert story.unmoved == ["hour"]


def test_an_alarm_before_the_drift_is_false_even_if_the_feature_drifts_later() -> None:
    story = Story()
    _see(story, Act.QUIET, when="January to March", temp="drift", dewp="ok")
    _see(story, Act.TURNING, temp="drift", dewp="drift")
    assert [alarm.name for alarm in story.false_alarms] == ["temp"]
    assert story.faults() == ["false alarm: drift in temp (q0.95 up), January to March, 2.5 s into this part"]


def test_drift_that_was_not_found_is_a_fault() -> None:
    story = Story()
    _see(story, Act.QUIET, temp="ok", dewp="ok")
    _see(story, Act.TURNING, temp="drift", dewp="ok")
    assert story.faults() == ["dewp: expected drift to be found, got none"]


def test_silence_before_the_drift_counts_only_if_the_features_were_judged() -> None:
    story = Story()
    _see(story, Act.QUIET, temp="not_enough_data", dewp="ok")
    _see(story, Act.TURNING, temp="drift", dewp="drift")
    assert story.faults() == ["temp: expected a verdict before the drift began, got none"]


def test_nothing_seen_is_no_success() -> None:
    assert Story().faults() == [
        "temp, dewp: expected a verdict before the drift began, got none",
        "temp, dewp: expected drift to be found, got none",
    ]


def test_of_claims_in_one_reading_the_strongest_comes_first() -> None:
    weak, strong = (
        FeatureState(name, "input", "drift", 9, 0, 0, e, 15.9, "") for name, e in (("a", 16.0), ("b", 40.0))
    )
    assert [alarm.name for alarm in Story().see(Act.TURNING, (weak, strong), seconds=0.5, when="")] == [
        "b",
        "a",
    ]


def test_an_alarm_in_another_feature_is_shown_and_is_no_fault() -> None:
    story = Story()
    _see(story, Act.QUIET, temp="ok", dewp="ok", humid="ok")
    _see(story, Act.TURNING, temp="drift", dewp="drift", humid="drift")
    assert story.faults() == []
    assert story.unmoved == []
