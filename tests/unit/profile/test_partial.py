from __future__ import annotations

import itertools

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import block, partial
from sidecar.profile.block import Block
from sidecar.profile.cells import Cells
from sidecar.profile.partial import PartialReference
from sidecar.profile.plan import Plan
from sidecar.profile.source import Piece, read_blocks
from tests.support.tables import make_rows, partial_of, write_csv, write_json_lines

ROWS = make_rows(2000)


@pytest.fixture
def small(monkeypatch):
    """Budgets that a small table exceeds."""
    monkeypatch.setattr(partial, "SAMPLE_VALUES", 2500)
    monkeypatch.setattr(partial, "SAMPLE_ROWS", 100)
    monkeypatch.setattr(partial, "DISTINCT_VALUES", 250)
    monkeypatch.setattr(partial, "DISTINCT_LIMITS", (10, 50))


@pytest.fixture
def files(tmp_path):
    return [
        write_csv(tmp_path / f"{k}.csv", ROWS[start : start + 500])
        for k, start in enumerate(range(0, 2000, 500))
    ]


@pytest.mark.usefixtures("small")
def test_any_order_and_grouping_gives_the_same_state(files):
    whole = partial_of(Plan(), *files).to_state()
    assert partial_of(Plan(), *reversed(files)).to_state() == whole
    for order in itertools.permutations(range(4)):
        one, two, three, four = (partial_of(Plan(), files[place]) for place in order)
        one.merge(two)
        three.merge(four)
        one.merge(three)
        assert one.to_state() == whole


@pytest.mark.usefixtures("small")
def test_where_blocks_end_makes_no_difference(files, monkeypatch):
    whole = partial_of(Plan(), *files).to_state()
    monkeypatch.setattr(block, "TEXT_BLOCK_ROWS", 7)
    assert partial_of(Plan(), *files).to_state() == whole


@pytest.mark.usefixtures("small")
def test_what_is_kept_is_bounded(files):
    kept = partial_of(Plan(), *files)
    assert kept.sample.size == kept.most_rows == 500  # 2500 values over five columns
    assert kept.most_distinct == 50
    assert kept.tallies["score"].distinct.used == 50
    assert not kept.is_complete


def kept_bytes(kept):
    sample = sum(column.numbers.nbytes for column in kept.sample.columns.values())
    tables = sum(array.nbytes for tally in kept.tallies.values() for array in tally.distinct._table)
    return sample, tables


def test_memory_is_what_is_stated_however_many_rows_there_are(monkeypatch):
    monkeypatch.setattr(partial, "SAMPLE_VALUES", 200_000)
    monkeypatch.setattr(partial, "SAMPLE_ROWS", 1000)
    monkeypatch.setattr(partial, "DISTINCT_VALUES", 60_000)
    rng = np.random.default_rng(1)
    kept, seen = PartialReference(Plan()), []
    for number in range(60):
        cells = {f"f{k}": Cells(rng.normal(size=5000)) for k in range(20)}
        kept.take(Block(5000 * number, 5000, cells), 1)
        seen.append(kept_bytes(kept))
    assert max(sample for sample, _ in seen) <= 8 * 200_000 * 1.25 + 8 * 20 * 5000  # and a block
    assert max(tables for _, tables in seen) <= 24 * 5.4 * 60_000 + 20 * 66_000
    assert max(map(sum, seen[30:])) <= max(map(sum, seen[:30]))


def test_columns_of_many_texts_weigh_more(tmp_path, monkeypatch):
    monkeypatch.setattr(partial, "SAMPLE_VALUES", 3400)
    monkeypatch.setattr(partial, "SAMPLE_ROWS", 10)
    monkeypatch.setattr(partial, "DISTINCT_LIMITS", (10, 50))
    rows = [{"n": k % 7, "t": f"text {k}"} for k in range(600)]
    assert partial_of(Plan(), write_csv(tmp_path / "few.csv", rows[:50])).most_rows == 1700
    assert partial_of(Plan(), write_csv(tmp_path / "many.csv", rows)).sample.size == 200


def test_all_rows_are_in_the_sample_of_a_small_table(files):
    kept = partial_of(Plan(), *files)
    assert kept.is_complete
    assert kept.sample.size == kept.rows == 2000


def test_a_column_that_only_some_lines_have(tmp_path):
    path = write_json_lines(tmp_path / "a.jsonl", [{"a": 1}, {"b": "x", "a": 2}, {"c": 1.5}])
    kept = partial_of(Plan(), path)
    assert {name: (tally.position, tally.present) for name, tally in kept.tallies.items()} == {
        "a": (0, 2),
        "b": (0, 1),
        "c": (0, 1),
    }


def test_the_same_rows_are_not_taken_twice(files):
    kept = partial_of(Plan(), files[0], files[1])
    with pytest.raises(BadReference) as caught:
        kept.merge(partial_of(Plan(), files[1]))
    assert str(caught.value) == "merge: expected other rows, got rows 0 to 499 of 1.csv twice"
    assert kept.rows == 1000
    with pytest.raises(BadReference) as caught:
        partial_of(Plan(), files[0], files[0])
    assert str(caught.value) == "merge: expected other rows, got rows 0 to 499 of 0.csv twice"


def test_partial_references_of_different_plans(files):
    with pytest.raises(BadReference) as caught:
        partial_of(Plan(label="late"), files[0]).merge(partial_of(Plan(time="when"), files[1]))
    assert (
        str(caught.value) == "merge: expected partial references of one plan, got different ones: label, time"
    )


def test_numbers_that_must_be(tmp_path):
    path = write_csv(tmp_path / "a.csv", [{"a": 1}, {"a": "x"}])
    kept = PartialReference(Plan(numeric=("a",)))
    (found,) = read_blocks(Piece(path), kept.plan.wanted(), lambda _done: None)
    with pytest.raises(BadReference) as caught:
        kept.take(found, 1)
    assert str(caught.value) == "'a': expected numbers, got text"
