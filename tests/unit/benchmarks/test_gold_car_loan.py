from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from benchmarks import gold_car_loan
from benchmarks.gold_car_loan import Wrong, compare, find_tables, main, read_columns

PLACE = ".venv-bench-peers-nannyml/lib/python3.11/site-packages/nannyml/datasets/data"


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    """Two small tables where NannyML's would lie."""
    rng = np.random.default_rng(1)
    (tmp_path / PLACE).mkdir(parents=True)
    for part, shift in (("reference", 0.0), ("analysis", 1.0)):
        values = np.round(rng.normal(size=5000) + shift, 2)
        lines = ["id,name,x", *(f"{k},text {k},{value}" for k, value in enumerate(values))]
        (tmp_path / PLACE / f"synthetic_car_loan_{part}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def series_of(environments: Path, error: float = 0.0) -> list[dict[str, object]]:
    tables = find_tables(environments)
    shas = {part: hashlib.sha256(path.read_bytes()).hexdigest() for part, path in tables.items()}
    sides = [read_columns(path, shas[part])["x"] for part, path in tables.items()]
    load = {"sha256": shas, "column": "x"}
    return [
        {"name": "x/ks", "load": load, "expected_exact_scipy": [ks_2samp(*sides).statistic + error]},
        {
            "name": "x/wasserstein",
            "load": load,
            "expected_exact_scipy": [wasserstein_distance(*sides) + error],
        },
    ]


def test_numbers_are_read_and_texts_passed_over(environments: Path) -> None:
    path = find_tables(environments)["reference"]
    columns = read_columns(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert sorted(columns) == ["id", "x"]
    assert columns["x"].size == 5000


def test_kernels_give_the_statistics_of_the_rows(environments: Path) -> None:
    found = dict(compare(series_of(environments), find_tables(environments)))
    assert sorted(found) == ["x/ks", "x/wasserstein"]
    assert max(found.values()) < gold_car_loan.TOLERANCE


def test_a_wrong_value_is_seen(environments: Path) -> None:
    found = dict(compare(series_of(environments, error=1e-6), find_tables(environments)))
    assert min(found.values()) > gold_car_loan.TOLERANCE


def test_another_table_is_refused(environments: Path) -> None:
    with pytest.raises(
        Wrong, match=r"synthetic_car_loan_reference\.csv: expected sha256 ab, got [0-9a-f]{64}$"
    ):
        read_columns(find_tables(environments)["reference"], "ab")


def test_no_table_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--environments", str(tmp_path)]) == 1
    assert "expected a file of NannyML, got none" in capsys.readouterr().err
