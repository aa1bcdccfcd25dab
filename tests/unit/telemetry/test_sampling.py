from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from sidecar.telemetry.sampling import TraceSampling, parse_sampling

LOW, HIGH = bytes(15) + b"\1", b"\xff" * 16


@pytest.mark.parametrize(
    ("name", "argument", "sampling"),
    [
        (None, None, TraceSampling(True, 1.0)),
        ("always_on", None, TraceSampling(False, 1.0)),
        ("always_off", "0.5", TraceSampling(False, 0.0)),
        ("traceidratio", "0.25", TraceSampling(False, 0.25)),
        ("traceidratio", None, TraceSampling(False, 1.0)),
        ("ParentBased_TraceIdRatio ", "0", TraceSampling(True, 0.0)),
        ("parentbased_always_on", None, TraceSampling(True, 1.0)),
        ("parentbased_always_off", None, TraceSampling(True, 0.0)),
    ],
)
def test_the_variables_name_a_sampler(
    name: str | None, argument: str | None, sampling: TraceSampling
) -> None:
    values = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
    assert parse_sampling({key: value for key, value in values.items() if value is not None}) == sampling


@pytest.mark.parametrize("argument", ["1.5", "-0.1", "half", "nan"])
def test_a_bad_ratio_is_a_fault_and_everything_is_kept(argument: str) -> None:
    sampling = parse_sampling({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": argument})
    assert sampling.root_ratio == 1.0
    assert sampling.faults == (f"OTEL_TRACES_SAMPLER_ARG: expected a ratio from 0 to 1, got {argument!r}",)


def test_an_unknown_sampler_is_a_fault() -> None:
    (fault,) = parse_sampling({"OTEL_TRACES_SAMPLER": "jaeger_remote"}).faults
    assert fault.startswith("OTEL_TRACES_SAMPLER: expected one of ['always_off',")
    assert fault.endswith("got 'jaeger_remote'")


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.25, 0.5, 1.0])
def test_the_ratio_decides_as_the_sdk_does(ratio: float) -> None:
    theirs, ours = TraceIdRatioBased(ratio), TraceSampling(False, ratio)
    for turn in range(256):
        trace_id = bytes([7] * 8 + [turn] + [255 - turn] * 7)
        decision = theirs.should_sample(None, int.from_bytes(trace_id, "big"), "x").decision
        assert ours.keeps(trace_id, None) == (decision is Decision.RECORD_AND_SAMPLE)


def test_a_parent_decides_only_when_asked() -> None:
    assert TraceSampling(True, 0.0).keeps(HIGH, 1)
    assert not TraceSampling(True, 1.0).keeps(LOW, 0)
    assert TraceSampling(True, 1.0).keeps(HIGH, None)
    assert TraceSampling(False, 1.0).keeps(HIGH, 0)
    assert not TraceSampling(False, 0.0).keeps(LOW, 1)
