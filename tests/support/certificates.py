"""Certificates for tests: an authority of our own, and files as an operator would lay them out.

@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate chain and its key, as files."""

    certificate: str
    key: str

    def replace_with(self, other: Pair) -> None:
        """Puts another pair in place of this one, as a tool that renews certificates does it: by renaming."""
        for ours, theirs in ((self.certificate, other.certificate), (self.key, other.key)):
            fresh = Path(f"{ours}.new")
            fresh.write_bytes(Path(theirs).read_bytes())
            fresh.replace(ours)


def overwrite(path: str, source: str) -> None:
    """Writes one file's content into another, in place and at once: nobody finds it empty or half written.

    Newlines behind the content fill up to what was there, which PEM allows.
    """
    content = Path(source).read_bytes()
    with Path(path).open("r+b", buffering=0) as file:
        file.write(content.ljust(os.fstat(file.fileno()).st_size, b"\n"))


class Authority:
    """A certificate authority.

    Args:
        folder: where its files go.
        name: what they begin with, so that several may share a folder.

    Attributes:
        ca: PEM file with its certificate.
    """

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = name
        self._ca = trustme.CA()
        self._n_issued = 0
        self.ca = self._write("authority.pem", self._ca.cert_pem.bytes())

    def issue(self, *names: str, expires: datetime | None = None) -> Pair:
        """A certificate for names and addresses.

        Args:
            names: `localhost`, `127.0.0.1`, `*.model.internal`, ...
            expires: when, with a time zone; in a far future if left out.
        """
        begins = None if expires is None else datetime(2000, 1, 1, tzinfo=UTC)
        leaf = self._ca.issue_cert(*names, not_before=begins, not_after=expires)
        self._n_issued += 1
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        return Pair(
            self._write(f"{self._n_issued}-certificate.pem", chain),
            self._write(f"{self._n_issued}-key.pem", leaf.private_key_pem.bytes()),
        )

    def trusting_context(self, pair: Pair | None = None, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """What a caller has that trusts this authority, and may show a certificate of its own."""
        context = ssl.create_default_context(cafile=self.ca)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def serving_context(self, pair: Pair, *, demand: bool = False) -> ssl.SSLContext:
        """What a model server has that shows a certificate, and may demand one of this authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
        if demand:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _write(self, name: str, content: bytes) -> str:
        path = self._folder / f"{self._name}-{name}"
        path.write_bytes(content)
        return str(path)
