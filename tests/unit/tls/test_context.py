from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sidecar.config.address import TcpUpstream
from sidecar.config.traffic import TlsConfig, UpstreamTlsConfig
from sidecar.errors import ConfigError
from sidecar.tls.context import client_context, server_context, server_name
from tests.support.certificates import Authority, Pair, overwrite


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.issue("localhost")


def complaint(pair: Pair, **more: str) -> str:
    """What is wrong, with the names of the files shortened to their last parts."""
    with pytest.raises(ConfigError) as caught:
        server_context(TlsConfig(certificate=pair.certificate, key=pair.key, **more))  # type: ignore[arg-type]
    return str(caught.value).replace(str(Path(pair.certificate).parent), "")


class TestServer:
    def test_without_a_certificate_there_is_no_tls(self) -> None:
        assert server_context(TlsConfig()) is None

    def test_it_speaks_tls_1_2_and_newer_and_asks_nobody_for_a_certificate(self, pair: Pair) -> None:
        context = server_context(TlsConfig(certificate=pair.certificate, key=pair.key))
        assert context is not None
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.verify_mode == ssl.CERT_NONE

    def test_with_authorities_a_certificate_of_theirs_alone_is_demanded(
        self, authority: Authority, pair: Pair
    ) -> None:
        context = server_context(
            TlsConfig(certificate=pair.certificate, key=pair.key, client_ca=authority.ca)
        )
        assert context is not None
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert len(context.get_ca_certs()) == 1

    def test_one_file_may_hold_both_certificate_and_key(self, pair: Pair) -> None:
        with Path(pair.certificate).open("ab") as both:
            both.write(Path(pair.key).read_bytes())
        assert server_context(TlsConfig(certificate=pair.certificate)) is not None


class TestFaultsOfFiles:
    def test_a_missing_certificate(self, pair: Pair) -> None:
        Path(pair.certificate).unlink()
        assert complaint(pair) == (
            "tls.certificate: expected a readable file /ca-1-certificate.pem, got no such file or directory"
        )

    def test_a_missing_key(self, pair: Pair) -> None:
        Path(pair.key).unlink()
        assert (
            complaint(pair)
            == "tls.key: expected a readable file /ca-1-key.pem, got no such file or directory"
        )

    def test_a_folder(self, pair: Pair) -> None:
        Path(pair.key).unlink()
        Path(pair.key).mkdir()
        assert complaint(pair) == "tls.key: expected a readable file /ca-1-key.pem, got is a directory"

    @pytest.mark.parametrize(
        ("content", "got"),
        [
            ("", "an empty file"),
            ("hello", "no PEM"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "a broken CERTIFICATE",
            ),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "PRIVATE KEY"),
        ],
    )
    def test_no_certificate(self, pair: Pair, content: str, got: str) -> None:
        Path(pair.certificate).write_text(content)
        assert complaint(pair) == (
            f"tls.certificate: expected a PEM certificate chain in /ca-1-certificate.pem, got {got}"
        )

    @pytest.mark.parametrize(
        ("content", "got"),
        [
            ("", "an empty file"),
            ("s3cret", "no PEM"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "a broken PRIVATE KEY",
            ),
        ],
    )
    def test_no_key(self, pair: Pair, content: str, got: str) -> None:
        Path(pair.key).write_text(content)
        assert complaint(pair) == f"tls.key: expected a PEM key in /ca-1-key.pem, got {got}"

    def test_a_certificate_in_place_of_the_key(self, pair: Pair) -> None:
        overwrite(pair.key, pair.certificate)
        assert complaint(pair) == "tls.key: expected a PEM key in /ca-1-key.pem, got CERTIFICATE"

    def test_a_key_left_out_that_the_certificates_file_does_not_hold(self, pair: Pair) -> None:
        with pytest.raises(ConfigError) as caught:
            server_context(TlsConfig(certificate=pair.certificate))
        assert str(caught.value) == f"tls.key: expected a PEM key in {pair.certificate}, got CERTIFICATE"

    def test_the_key_of_another_certificate(self, authority: Authority, pair: Pair) -> None:
        overwrite(pair.key, authority.issue("localhost").key)
        assert complaint(pair) == (
            "tls.key: expected the key of the certificate in /ca-1-certificate.pem, "
            "got another key in /ca-1-key.pem"
        )

    def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(self, pair: Pair) -> None:
        key = serialization.load_pem_private_key(Path(pair.key).read_bytes(), None)
        Path(pair.key).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        assert complaint(pair) == (
            "tls.key: expected a PEM key without a password in /ca-1-key.pem, got an encrypted one"
        )

    @pytest.mark.parametrize(
        ("content", "got"), [("", "an empty file"), ("hello", "no PEM"), (None, "PRIVATE KEY")]
    )
    def test_no_authorities(self, tmp_path: Path, pair: Pair, content: str | None, got: str) -> None:
        ca = tmp_path / "authorities.pem"
        ca.write_text(
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n" if content is None else content
        )
        assert (
            complaint(pair, client_ca=str(ca))
            == f"tls.client_ca: expected PEM certificates in /authorities.pem, got {got}"
        )

    def test_missing_authorities(self, tmp_path: Path, pair: Pair) -> None:
        assert complaint(pair, client_ca=str(tmp_path / "none.pem")) == (
            "tls.client_ca: expected a readable file /none.pem, got no such file or directory"
        )

    def test_the_upstreams_files_are_named_as_such(self, authority: Authority, pair: Pair) -> None:
        for config, setting in (
            (UpstreamTlsConfig(ca="/no.pem"), "upstream_tls.ca"),
            (UpstreamTlsConfig(ca=authority.ca, certificate="/no.pem"), "upstream_tls.certificate"),
            (UpstreamTlsConfig(certificate=pair.certificate, key="/no.pem"), "upstream_tls.key"),
        ):
            with pytest.raises(ConfigError) as caught:
                client_context(config)
            assert str(caught.value) == (
                f"{setting}: expected a readable file /no.pem, got no such file or directory"
            )

    def test_a_name_that_no_file_can_have(self) -> None:
        with pytest.raises(ConfigError) as caught:
            client_context(UpstreamTlsConfig(ca="a\0b"))
        assert str(caught.value).startswith("upstream_tls.ca: expected a readable file ")


class TestClient:
    def test_certificate_and_name_are_verified_against_the_systems_authorities(self) -> None:
        context = client_context(UpstreamTlsConfig())
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    def test_an_authority_of_ones_own_is_trusted_instead_of_the_systems(self, authority: Authority) -> None:
        assert len(client_context(UpstreamTlsConfig(ca=authority.ca)).get_ca_certs()) == 1

    def test_verification_can_be_turned_off(self) -> None:
        context = client_context(UpstreamTlsConfig(verify=False))
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)

    def test_the_name_asked_for_is_the_urls_host_or_the_one_that_is_set(self) -> None:
        upstream = TcpUpstream("model", 443, tls=True)
        assert server_name(upstream, UpstreamTlsConfig()) == "model"
        assert server_name(upstream, UpstreamTlsConfig(server_name="m.internal")) == "m.internal"
