"""However rows are divided among files, and in whatever order what was kept is merged: the same reference."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.profile import block, partial
from sidecar.profile.finish import finish
from sidecar.profile.partial_codec import decode_partial, encode_partial
from sidecar.profile.plan import Plan
from tests.support.tables import make_rows, partial_of, write_csv, write_json_lines

PLAN = Plan(score="p", label="y", segment="c", time="t", hour_of_week=True)
BOTH = [{"n": 1, "c": "a", "p": 0.1, "y": 0, "t": 0}, {"n": 2, "c": "b", "p": 0.9, "y": 1, "t": 3600}]
cells = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False),
        "c": st.none() | st.sampled_from(["a", "b", "1", "01", "\u00fc"]) | st.text(max_size=3),
        "p": st.none() | st.floats(0.0, 1.0),
        "y": st.none() | st.sampled_from([0, 1]),
        "t": st.none() | st.integers(0, 10**7),
    }
)


def divided(rows, files):
    """The rows of each file: `files` names one for every row."""
    return [
        part
        for name in sorted(set(files))
        if (part := [row for row, n in zip(rows, files, strict=True) if n == name])
    ]


@given(st.data(), st.lists(cells, max_size=30))
@settings(deadline=None, max_examples=60)
def test_any_split_and_any_order_of_merging(data, rows):
    rows = BOTH + rows
    files = data.draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows)))
    with TemporaryDirectory() as name:
        folder = Path(name)
        whole = finish(partial_of(PLAN, write_json_lines(folder / "all.jsonl", rows)), created_unix_s=0.0)
        kept = [
            partial_of(PLAN, write_json_lines(folder / f"{place}.jsonl", part))
            for place, part in enumerate(divided(rows, files))
        ]
    while len(kept) > 1:
        one = kept.pop(data.draw(st.integers(0, len(kept) - 1)))
        other = kept.pop(data.draw(st.integers(0, len(kept) - 1)))
        if data.draw(st.booleans()):
            other = decode_partial(encode_partial(other, created_unix_s=1.0), "x")
        one.merge(other)
        kept.append(one)
    assert finish(kept[0], created_unix_s=2.0).id == whole.id


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rows = make_rows(900)
    return [write_csv(folder / f"{place}.csv", rows[place * 100 : place * 100 + 100]) for place in range(9)]


@given(st.permutations(range(9)), st.integers(1, 400), st.lists(st.booleans(), min_size=8, max_size=8))
@settings(deadline=None, max_examples=25)
def test_samples_too_are_the_same_for_any_grouping(table, order, block_rows, left):
    plan = Plan(score="score", label="late", time="when", segment="city", hour_of_week=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partial, "SAMPLE_ROWS", 50)
        patch.setattr(partial, "SAMPLE_VALUES", 1000)
        patch.setattr(partial, "DISTINCT_LIMITS", (10, 40))
        whole = partial_of(plan, *table)
        patch.setattr(block, "TEXT_BLOCK_ROWS", block_rows)
        kept = [partial_of(plan, table[place]) for place in order]
        for from_left in left:
            one, other = (kept.pop(0), kept.pop(0)) if from_left else (kept.pop(), kept.pop())
            one.merge(other)
            kept.append(one)
        assert whole.sample.size == 200
        assert kept[0].to_state() == whole.to_state()
        assert finish(kept[0], created_unix_s=0.0).id == finish(whole, created_unix_s=0.0).id
