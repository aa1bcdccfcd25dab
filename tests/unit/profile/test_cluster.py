from __future__ import annotations

import copy

import pytest

from sidecar.errors import BadReference
from sidecar.profile import cluster
from sidecar.profile.cluster import build_partial_on, merged, read_piece
from sidecar.profile.plan import Plan
from sidecar.profile.source import Piece
from tests.support.tables import make_rows, partial_of, write_csv


def test_merging_leaves_both_as_they_were(tmp_path):
    rows = make_rows(400)
    one, two = write_csv(tmp_path / "a.csv", rows[:100]), write_csv(tmp_path / "b.csv", rows[100:])
    first, second = read_piece(Piece(one), Plan()), read_piece(Piece(two), Plan())
    before = [copy.deepcopy(kept).to_state() for kept in (first, second)]
    together = merged(first, second)
    assert [kept.to_state() for kept in (first, second)] == before
    assert together.to_state() == partial_of(Plan(), one, two).to_state()


def test_without_the_extra(tmp_path, monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(cluster, "import_module", refuse)
    with pytest.raises(BadReference) as caught:
        build_partial_on("tcp://127.0.0.1:1", [tmp_path / "a.csv"], Plan())
    assert str(caught.value) == "--dask: expected distributed to be installed (extra 'dask'), got none"
