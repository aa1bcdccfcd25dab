"""Real MLServers behind a sidecar: the model in use, the same one again, and one that was retrained on other
rows. The verdict is right about both, and what is shown of the difference is the difference."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.test_replay import recorded_records, replay
from tests.support.lifecycle import settings
from tests.support.mlserver import exchange, serving_models, train
from tests.support.running import PATIENCE_S, Sidecar, eventually
from tests.support.traffic import infer_body

pytestmark = [pytest.mark.peers, pytest.mark.slow]

MODEL = "products"
PATH = f"/v2/models/{MODEL}/infer"
BORDER = 0.75  # of feature 2; above it the retrained model is wrong (programs/train_products.py)
N_ROWS = 600
UNORDERED = ("fields", "exemplars")  # the same whatever the order in which answers came in
ROWS = np.random.default_rng(2).random((N_ROWS, 4)).tolist()


def top_segment(entry: dict[str, Any]) -> tuple[str, float, str]:
    """Feature, rate and cell of the first segment; cells are learnt from the answers that come first."""
    top = entry["segments"][0]
    ((feature, cell),) = [(where["feature"], where["cell"]) for where in top["where"]]
    return feature, top["rate"], cell


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found.

    Attributes:
        first: classes that the model in use gives `ROWS` when asked directly.
        retrained: those of the retrained one.
        shadows: entries of `GET /api/v1/shadow`, by name.
        changes: lines of the log, one a change of a verdict.
        recording: folder of the segments.
        config: the sidecar's settings.
        candidate: URL of the retrained model.
    """

    first: list[int]
    retrained: list[int]
    shadows: dict[str, dict[str, Any]]
    changes: list[dict[str, Any]]
    recording: Path
    config: Path
    candidate: str

    @property
    def differ(self) -> set[int]:
        """Places of the rows on which the two models really differ."""
        return {place for place in range(N_ROWS) if self.first[place] != self.retrained[place]}


def classes_of(answer: bytes) -> list[int]:
    (output,) = json.loads(answer)["outputs"]
    return [int(value) for value in output["data"]]


def predict(port: int, rows: Sequence[Sequence[float]]) -> list[int]:
    """Classes of the rows, asked of a server directly."""
    status, answer = exchange(port, "POST", PATH, infer_body(rows, "features"))
    assert status == 200, answer
    return classes_of(answer)


def ask_one_by_one(port: int) -> list[int]:
    """Classes of `ROWS`, a request each on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    found = []
    for row in ROWS:
        connection.request("POST", PATH, infer_body([row], "features"), {"content-type": "application/json"})
        found += classes_of(connection.getresponse().read())
    connection.close()
    return found


def shadows_of(sidecar: Sidecar) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in sidecar.get("/api/v1/shadow")["shadows"]}


def judged_all(sidecar: Sidecar) -> dict[str, dict[str, Any]] | None:
    found = shadows_of(sidecar)
    pairs = [(entry["compared"], entry["disagreement"]["noise_pairs"]) for entry in found.values()]
    return found if pairs == [(N_ROWS, N_ROWS)] * len(found) else None


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("products")
    files = {name: folder / f"{name}.joblib" for name in ("first", "retrained")}
    train("train_products.py", *files.values())
    with ExitStack() as stack:

        def start(name: str, file: Path) -> int:
            (folder / name).mkdir()
            parameters = {"uri": str(file), "version": "v1"}
            model = {
                "name": MODEL,
                "implementation": "mlserver_sklearn.SKLearnModel",
                "parameters": parameters,
            }
            return stack.enter_context(serving_models(folder / name, {MODEL: model})).http

        primary, same, other = (
            start(name, files[model])
            for name, model in (("primary", "first"), ("same", "first"), ("retrained", "retrained"))
        )
        generous: dict[str, Any] = {
            "most_per_s": 1e6,
            "concurrency": 1000,
            "timeout_s": 60.0,
            "noise_ratio": 1.0,
        }
        generous |= {"margins": {"disagreement": 0.05}, "exemplars": 20}
        shadows = [
            {"name": name, "url": f"http://127.0.0.1:{port}", **generous}
            for name, port in (("same", same), ("retrained", other))
        ]
        recording = {"path": str(folder / "recording")}
        file = settings(folder, shadows=shadows, recording=recording)  # type: ignore[arg-type]
        upstream = f"http://127.0.0.1:{primary}"
        with Sidecar(upstream, "--config", str(file)) as sidecar:
            sidecar.monitored()
            first, retrained = predict(primary, ROWS), predict(other, ROWS)
            assert ask_one_by_one(sidecar.traffic) == first
            eventually(lambda: judged_all(sidecar))
            found = shadows_of(sidecar)  # once more: with the last pair in all figures
            told = eventually(
                lambda: [line for line in sidecar.events("shadow_verdict") if line["verdict"] == "worse"]
            )
            eventually(lambda: recorded_records(sidecar.metrics()) == 5 * N_ROWS)
            candidate = f"http://127.0.0.1:{other}"
            yield Judged(first, retrained, found, told, folder / "recording", file, candidate)


def states(entry: dict[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in entry["findings"]}


class TestTheRetrainedModel:
    def test_differs_just_where_it_saw_no_rows(self, judged: Judged) -> None:
        beyond = {place for place, row in enumerate(ROWS) if row[2] > BORDER}
        assert len(judged.differ ^ beyond) <= 0.02 * N_ROWS  # trees cut between the rows they saw

    def test_is_worse_by_its_disagreement_alone(self, judged: Judged) -> None:
        entry = judged.shadows["retrained"]
        assert (entry["verdict"], states(entry)["agreement"]) == ("worse", "worse")
        assert entry["disagreement"]["rate"] == pytest.approx(len(judged.differ) / N_ROWS)
        assert entry["disagreement"]["noise"] == 0.0
        assert entry["errors"] == {"primary": 0, "shadow": 0}
        assert ("retrained", "worse") in [(line["shadow"], line["verdict"]) for line in judged.changes]

    def test_is_shown_by_rows_on_which_the_two_really_differ(self, judged: Judged) -> None:
        exemplars = judged.shadows["retrained"]["exemplars"]
        assert len(exemplars) == 20
        for exemplar in exemplars:
            place = ROWS.index(list(exemplar["inputs"].values()))
            assert place in judged.differ
            shown = [list(exemplar[side].values()) for side in ("primary", "shadow")]
            assert shown == [[judged.first[place]], [judged.retrained[place]]]

    def test_differs_most_in_the_segment_of_the_feature_that_was_cut(self, judged: Judged) -> None:
        top = judged.shadows["retrained"]["segments"][0]
        feature, _rate, cell = top_segment(judged.shadows["retrained"])
        assert feature == "features[2]"
        low = float(cell.removeprefix(">= "))
        inside = [place for place, row in enumerate(ROWS) if row[2] >= low]
        assert low > BORDER
        assert top["requests"] == pytest.approx(len(inside), abs=1)  # the border is shown with six digits
        assert top["rate"] == 1.0 > top["rate_elsewhere"]


class TestTheSameModelAgain:
    def test_is_equivalent_in_agreement_and_shows_nothing(self, judged: Judged) -> None:
        entry = judged.shadows["same"]
        assert (states(entry)["agreement"], entry["disagreement"]["rate"]) == ("equivalent", 0.0)
        assert (entry["segments"], entry["exemplars"]) == ([], [])


class TestReplay:
    """The recorded traffic, without the sidecar."""

    @pytest.mark.parametrize("name", ["same", "retrained"])
    def test_gives_the_same_verdict_and_the_same_report(
        self, judged: Judged, tmp_path: Path, name: str
    ) -> None:
        reports = [tmp_path / "1.json", tmp_path / "2.json"]
        for report in reports:
            run = replay(judged.recording, "--shadow", name, "--config", judged.config, "--report", report)
            assert run.returncode == 0, run.stderr
        assert reports[0].read_bytes() == reports[1].read_bytes()
        found, live = json.loads(reports[0].read_text()), judged.shadows[name]
        compared = ("verdict", "findings", "disagreement", "latency", "fields", "segments", "exemplars")
        assert {key: found[key] for key in compared} == {key: live[key] for key in compared}

    def test_sent_to_the_retrained_model_it_gives_that_verdict_again(
        self, judged: Judged, tmp_path: Path
    ) -> None:
        reports = [tmp_path / "1.json", tmp_path / "2.json"]
        for report in reports:
            options = ("--to", judged.candidate, "--shadow", "retrained", "--config", judged.config)
            run = replay(judged.recording, *options, "--speed", "max", "--concurrency", 8, "--report", report)
            assert run.returncode == 0, run.stderr
        assert reports[0].read_bytes() == reports[1].read_bytes()
        found, live = json.loads(reports[0].read_text()), judged.shadows["retrained"]
        assert found["verdict"] == "worse"
        assert {key: found[key] for key in UNORDERED} == {key: live[key] for key in UNORDERED}
        assert found["disagreement"]["rate"] == live["disagreement"]["rate"]
        assert top_segment(found)[:2] == top_segment(live)[:2]
