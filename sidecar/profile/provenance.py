"""Where the rows of a reference came from: hashes of the files, the commit of their folder, their DVC
revision.

It travels beside the content of a reference and is no part of its id.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from sidecar.errors import BadReference
from sidecar.profile.partial import PartialReference

GIT_TIMEOUT_S = 10.0


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Args:
        path: the file.

    Raises:
        BadReference: "a.csv: expected a readable file, got No such file or directory".
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise BadReference(f"{path}: expected a readable file, got {exc.strerror or exc}") from exc


class Folders:
    """What folders say about the files in them; asked once a folder."""

    def __init__(self) -> None:
        self._commits: dict[Path, dict[str, str]] = {}

    def commit(self, folder: Path) -> dict[str, str]:
        """The state of a folder's git checkout.

        Args:
            folder: absolute.

        Returns:
            `git_commit` and `git_dirty`; nothing where there is none.
        """
        if folder not in self._commits:
            self._commits[folder] = _git(folder)
        return self._commits[folder]


def file_provenance(path: Path, folders: Folders) -> dict[str, str]:
    """What the folder of a file says about it.

    Args:
        path: the file.
        folders: what has been asked already.

    Returns:
        `git_commit` and `git_dirty` ("true" or "false": whether the folder has changes that are not
        committed) inside a git checkout; `dvc_md5` and `dvc_file` where a `.dvc` file or `dvc.lock` names
        the file. Nothing of what is not there or cannot be read.
    """
    return {**folders.commit(path.resolve().parent), **_dvc(path.resolve())}


def provenance_of(partial: PartialReference) -> dict[str, str]:
    """The provenance that a reference file carries.

    Args:
        partial: with all its sources.

    Returns:
        Texts by name: `files`, the columns that were named, and `sources`, a JSON list with name, size, rows,
        sha256 and the rest of each file.
    """
    plan = partial.plan
    files: dict[tuple[str, int], dict[str, Any]] = {}
    for source in partial.sources:
        entry = files.setdefault(
            (source.name, source.fingerprint),
            {"name": source.name, "size_bytes": source.size_bytes, "rows": 0},
        )
        entry["rows"] += source.rows
        entry.update(source.provenance)
    named = {
        name: value
        for name, value in (("score", plan.score), ("time", plan.time), ("segment", plan.segment))
        if value is not None
    }
    return {
        "files": ", ".join(entry["name"] for entry in files.values()),
        "prediction": plan.prediction or "",
        "label": plan.label or "",
        **named,
        "sources": json.dumps(list(files.values())),
    }


def _git(folder: Path) -> dict[str, str]:
    commit = _git_says(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _git_says(folder, "status", "--porcelain", "--", ".")
    return {"git_commit": commit, "git_dirty": "true" if changes else "false"}


def _git_says(folder: Path, *words: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=GIT_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None  # no git, no checkout, or no commit yet
    return answer.stdout.strip()


def _dvc(path: Path) -> dict[str, str]:
    beside = path.with_name(path.name + ".dvc")
    for entry in _outs(_read_yaml(beside)):
        if entry.get("path") == path.name and isinstance(entry.get("md5"), str):
            return {"dvc_md5": entry["md5"], "dvc_file": beside.name}
    for folder in path.parents:
        lock = _read_yaml(folder / "dvc.lock")
        stages = lock.get("stages") if isinstance(lock, dict) else None
        if not isinstance(stages, dict):
            continue
        named = path.relative_to(folder).as_posix()
        for stage in stages.values():
            for entry in _outs(stage):
                if entry.get("path") == named and isinstance(entry.get("md5"), str):
                    return {"dvc_md5": entry["md5"], "dvc_file": "dvc.lock"}
    return {}


def _outs(stage: Any) -> list[dict[str, Any]]:
    outs = stage.get("outs") if isinstance(stage, dict) else None
    return [entry for entry in outs if isinstance(entry, dict)] if isinstance(outs, list) else []


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
