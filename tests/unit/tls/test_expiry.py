from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.errors import ConfigError
from sidecar.tls.expiry import expires_unix_s
from tests.support.certificates import Authority


@pytest.mark.parametrize(
    "expires",
    [
        datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),  # the last year that has two digits
        datetime(2050, 1, 1, tzinfo=UTC),
        datetime(2999, 6, 1, tzinfo=UTC),
    ],
)
def test_the_end_of_a_certificates_life_is_read_to_the_second(tmp_path: Path, expires: datetime) -> None:
    pair = Authority(tmp_path).issue("localhost", expires=expires)
    assert expires_unix_s(pair.certificate) == expires.timestamp()


def test_a_chain_ends_with_the_first_of_its_certificates_that_does(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    early, late = (authority.issue("m", expires=datetime(year, 1, 1, tzinfo=UTC)) for year in (2030, 2040))
    chain = tmp_path / "chain.pem"
    chain.write_bytes(Path(late.certificate).read_bytes() + Path(early.certificate).read_bytes())
    assert expires_unix_s(str(chain)) == datetime(2030, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "content", ["", "hello", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_that_can_be_read(tmp_path: Path, content: str) -> None:
    file = tmp_path / "c.pem"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        expires_unix_s(str(file))
    assert str(caught.value) == (
        f"tls.certificate: expected a PEM certificate chain in {file}, got none that can be read"
    )


def test_a_missing_file() -> None:
    with pytest.raises(ConfigError) as caught:
        expires_unix_s("/no.pem", "upstream_tls.certificate")
    assert str(caught.value) == (
        "upstream_tls.certificate: expected a readable file /no.pem, got no such file or directory"
    )
