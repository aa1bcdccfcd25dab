"""Sets the demonstration's stage with the product's own means: a trained model behind a server, a reference,
a configuration file, a running sidecar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sidecar.demo.children import Child
from sidecar.demo.flights import Flights, Split
from sidecar.demo.model import MODEL_NAME, PROBABILITY, LateModel, score_auc, train_model
from sidecar.demo.reference import reference_arguments, write_training_rows

PANE_S = 1.0
HORIZON_S = 8.0

CONFIGURATION = """\
upstream: http://{upstream}
listen: 127.0.0.1:0
health: 127.0.0.1:0
admin: 127.0.0.1:0
log_format: json
reference: {{path: {reference}}}
window: {{pane_s: {pane_s}, horizons_s: [{horizon_s}, 60]}}
drain: {{quiet_s: 0}}
models:
  - {{name: {model}, prediction: {prediction}}}
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running sidecar is, each `http://host:port`."""

    traffic: str
    health: str
    admin: str


class Stage:
    """The child processes and their files.

    Args:
        folder: empty folder for models, references and logs; the caller removes it.
        say: receives a line for each step.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._children: list[Child] = []
        self._running: list[Child] = []

    async def set_up(self, flights: Flights, split: Split) -> Addresses:
        """Trains, builds and starts everything.

        Args:
            flights: all rows.
            split: how they are used.

        Raises:
            ChildFailed: a process did not do its part.
        """
        training = flights.take(split.training)
        model = train_model(training)
        held_out = flights.take(split.held_out)
        auc = score_auc(held_out.late, model.predict(held_out.numeric, held_out.texts))
        self._say(
            f"model      logistic regression, {training.rows:,} flights, AUC {auc:.3f} on held-out ones"
        )
        server = await self._start_server(model)
        reference = await self._build_reference(training, model)
        upstream = (await server.listening())["traffic"]
        self._say(f"server     Open Inference Protocol V2 at http://{upstream}/v2/models/{MODEL_NAME}/infer")
        return await self._start_sidecar(upstream, reference)

    def check(self) -> None:
        """Sees to it that server and sidecar are running.

        Raises:
            ChildFailed: one of them has ended.
        """
        for child in self._running:
            child.check()

    def sidecar_tail(self) -> str:
        """The last lines of the sidecar's log, to stand after a message."""
        return self._running[-1].tail() if self._running else ""

    async def strike(self) -> None:
        """Ends every process, the sidecar before the server that it stands in front of."""
        for child in reversed(self._children):
            await child.stop()

    def kill(self) -> None:
        """Kills every process at once."""
        for child in self._children:
            child.kill()

    async def _start(self, name: str, arguments: list[str]) -> Child:
        child = Child(name, arguments, self._folder / f"{name.replace(' ', '-')}.log")
        self._children.append(child)
        await child.start()
        return child

    async def _start_server(self, model: LateModel) -> Child:
        path = self._folder / "model.json"
        model.save(path)
        server = await self._start("model server", ["-m", "sidecar.demo.server", "--model", str(path)])
        self._running.append(server)
        return server

    async def _build_reference(self, training: Flights, model: LateModel) -> Path:
        rows, reference = self._folder / "training.csv", self._folder / "reference.msgpack"
        write_training_rows(training, model, rows)
        self._say("reference  sidecar reference build training.csv -o reference.msgpack --columns ...")
        arguments = reference_arguments(rows, reference)
        build = await self._start("reference build", ["-m", "sidecar", *arguments])
        await build.finish()
        return reference

    async def _start_sidecar(self, upstream: str, reference: Path) -> Addresses:
        path = self._folder / "demo.yaml"
        path.write_text(
            CONFIGURATION.format(
                upstream=upstream,
                reference=reference,
                pane_s=PANE_S,
                horizon_s=HORIZON_S,
                model=MODEL_NAME,
                prediction=PROBABILITY,
            ),
            encoding="utf-8",
        )
        sidecar = await self._start("sidecar", ["-m", "sidecar", "run", "--config", str(path)])
        self._running.append(sidecar)
        fields = await sidecar.listening()
        self._say(f"sidecar    sidecar run --config demo.yaml, listening on http://{fields['traffic']}")
        return Addresses(*(f"http://{fields[name]}" for name in ("traffic", "health", "admin")))
