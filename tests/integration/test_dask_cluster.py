"""A reference built by the processes of a Dask cluster is the one that a single process builds."""

from __future__ import annotations

import os

import distributed
import pyarrow
import pyarrow.parquet as parquet
import pytest

from sidecar.cli import main
from sidecar.profile import cluster, codec
from sidecar.profile.partial_codec import load_partial
from tests.support.tables import make_rows, write_csv

ROLES = ["--score", "score", "--label", "late", "--time", "when", "--hour-of-week", "--segment", "city"]


@pytest.fixture(scope="module")
def address():
    options = {"dashboard_address": None, "silence_logs": 50}
    before = dict(os.environ)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **options) as made:
        yield made.scheduler_address
    os.environ.clear()  # dask has set limits of glibc and of BLAS there, for its workers
    os.environ.update(before)


@pytest.fixture
def files(tmp_path):
    rows = make_rows(6000)
    table = pyarrow.Table.from_pylist(rows[:5000])
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=500)
    return [str(tmp_path / "a.parquet"), str(write_csv(tmp_path / "b.csv", rows[5000:]))]


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(cluster, "PIECE_ROWS", 1000)


@pytest.mark.usefixtures("small_pieces")
def test_the_same_reference(address, files, tmp_path):
    one, many = str(tmp_path / "one"), str(tmp_path / "many")
    assert main(["reference", "build", *files, "-o", one, *ROLES]) == 0
    assert main(["reference", "build", *files, "-o", many, *ROLES, "--dask", address]) == 0
    assert codec.load(one).id == codec.load(many).id
    assert codec.load(one).provenance == codec.load(many).provenance


@pytest.mark.usefixtures("small_pieces")
def test_partial_references_of_a_cluster(address, files, tmp_path):
    output = tmp_path / "a.part"
    assert main(["reference", "build", *files, "-o", str(output), "--dask", address, "--partial"]) == 0
    assert load_partial(output).rows == 6000


def test_faults_of_workers_come_back(address, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1\n")
    assert main(["reference", "build", str(path), "-o", str(tmp_path / "r"), "--dask", address]) == 2
    assert capsys.readouterr().err == f"sidecar: {path}:2: expected 2 fields, got 1\n"


def test_nobody_at_the_address(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.3)
    closed = "tcp://127.0.0.1:9"
    assert main(["reference", "build", *files, "-o", str(tmp_path / "r"), "--dask", closed]) == 2
    assert capsys.readouterr().err.startswith(f"sidecar: --dask: expected a scheduler at {closed!r}, got ")
