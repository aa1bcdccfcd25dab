from __future__ import annotations

import hashlib
import subprocess

import pytest

from sidecar.errors import BadReference
from sidecar.profile import provenance
from sidecar.profile.provenance import Folders, file_provenance, file_sha256

IDENTITY = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]


def git(folder, *words):
    return subprocess.run(
        ["git", "-C", folder, *IDENTITY, *words], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "a.csv").write_text("a\n1\n")
    return folder / "a.csv"


def test_sha256(path):
    assert file_sha256(path) == hashlib.sha256(b"a\n1\n").hexdigest()
    with pytest.raises(BadReference) as caught:
        file_sha256(path.parent / "b.csv")
    gone = path.parent / "b.csv"
    assert str(caught.value) == f"{gone}: expected a readable file, got No such file or directory"


def test_commit_of_the_folder(path):
    git(path.parent, "init", "-q")
    assert file_provenance(path, Folders()) == {}  # no commit yet
    git(path.parent, "add", "a.csv")
    git(path.parent, "commit", "-qm", "rows")
    commit = git(path.parent, "rev-parse", "HEAD").strip()
    assert file_provenance(path, Folders()) == {"git_commit": commit, "git_dirty": "false"}
    path.write_text("a\n2\n")
    assert file_provenance(path, Folders()) == {"git_commit": commit, "git_dirty": "true"}


def test_git_is_asked_once_a_folder(path, monkeypatch):
    git(path.parent, "init", "-q")
    git(path.parent, "commit", "-qm", "nothing", "--allow-empty")
    folders = Folders()
    first = file_provenance(path, folders)
    monkeypatch.setattr(provenance.subprocess, "run", None)
    assert file_provenance(path.with_name("b.csv"), folders) == first


def test_without_git(path, monkeypatch):
    def refuse(*_args, **_options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(provenance.subprocess, "run", refuse)
    assert file_provenance(path, Folders()) == {}


def test_dvc_file_beside(path):
    beside = path.with_name("a.csv.dvc")
    beside.write_text("outs:\n- md5: 0123abc\n  size: 4\n  path: a.csv\n")
    assert file_provenance(path, Folders()) == {"dvc_md5": "0123abc", "dvc_file": "a.csv.dvc"}
    beside.write_text("outs:\n- md5: 0123abc\n  path: other.csv\n")
    assert file_provenance(path, Folders()) == {}


def test_dvc_lock_above(path):
    lock = path.parent.parent / "dvc.lock"
    lock.write_text("stages:\n  make:\n    outs:\n    - path: rows/a.csv\n      md5: 9f\n")
    assert file_provenance(path, Folders()) == {"dvc_md5": "9f", "dvc_file": "dvc.lock"}


@pytest.mark.parametrize(
    "text", ["{", "[1, 2]", "outs: 3", "outs:\n- 7\n", "stages: []", "stages:\n  make: 1\n", "\x00"]
)
def test_files_of_dvc_that_say_nothing(path, text):
    path.with_name("a.csv.dvc").write_text(text)
    (path.parent / "dvc.lock").write_text(text)
    assert file_provenance(path, Folders()) == {}
