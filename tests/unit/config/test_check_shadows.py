from __future__ import annotations

import pytest

from sidecar.config.load import load_config
from sidecar.errors import ConfigError

URL = "http://host:port or https://host:port, perhaps with a path"


def complaint(settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(f"shadows: [{{name: a, {settings}}}]")
    return str(caught.value)


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "got"),
        [
            ("candidate:8080", "'candidate:8080'"),
            ("unix:/run/candidate", "'unix:/run/candidate'"),
            ("http://candidate:http", "'http://candidate:http'"),
            ("http://candidate/?version=2", "'http://candidate/?version=2'"),
            ("http://candidate/#top", "'http://candidate/#top'"),
        ],
    )
    def test_what_no_copy_could_be_sent_to_is_refused(self, url: str, got: str) -> None:
        assert complaint(f"url: '{url}'") == f"shadows[0].url: expected {URL}, got {got}"

    def test_ports_and_addresses_are_checked(self) -> None:
        assert complaint("url: 'http://m:99999'") == (
            "shadows[0].url: expected a port in 1..65535, got 99999"
        )
        assert complaint("url: 'http://[::g]'") == (
            "shadows[0].url: expected an IPv6 address in brackets, got '::g'"
        )

    def test_credentials_are_refused_and_not_shown(self) -> None:
        assert complaint("url: 'http://user:s3cret@m'") == (
            f"shadows[0].url: expected {URL}, got a URL with credentials"
        )

    @pytest.mark.parametrize("url", ["http://m", "https://[::1]:8443/v1/", "http://m:1/a/@b"])
    def test_a_path_may_follow(self, url: str) -> None:
        assert load_config(f"shadows: [{{name: a, url: '{url}'}}]").shadows[0].url == url


class TestNames:
    def test_two_shadows_of_one_name(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load_config("shadows: [{name: a, url: 'http://m'}, {name: a, url: 'http://n'}]")
        assert str(caught.value) == "shadows: expected one entry a name, got 'a' twice"

    def test_an_unknown_key_is_named_with_its_place(self) -> None:
        assert complaint("url: 'http://m', ration: 0.1") == (
            "shadows[0].ration: expected a known key, perhaps 'ratio', got 'ration'"
        )

    def test_a_kind_of_field_that_there_is_not(self) -> None:
        assert complaint("url: 'http://m', fields: [{name: x, kind: klass}]") == (
            "shadows[0].fields[0].kind: expected one of class, score, value, ranking, embedding, text, json, "
            "ignored, got 'klass'"
        )

    def test_a_shadow_without_a_url(self) -> None:
        assert complaint("ratio: 1") == "shadows[0].url: expected a value, got none"


class TestHeaders:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ("headers: {'x y': a}", "headers: expected headers' names, got 'x y'"),
            (
                'headers: {x: "s3cret\\n"}',
                "headers.x: expected one line, got a value that HTTP does not allow",
            ),
            ('host: "m\\r\\n"', "host: expected visible ASCII, got 'm\\r\\n'"),
            ("session_header: 'x:'", "session_header: expected a header's name, got 'x:'"),
        ],
    )
    def test_what_http_does_not_allow_is_refused(self, settings: str, message: str) -> None:
        assert complaint(f"url: 'http://m', {settings}") == f"shadows[0].{message}"


class TestTls:
    def test_files_that_nobody_would_read_are_refused(self) -> None:
        assert complaint("url: 'http://m', tls: {ca: /ca.pem}") == (
            "shadows[0].tls.ca: expected an https:// url, got 'http://m'"
        )
        assert complaint("url: 'https://m', tls: {key: /k.pem}") == (
            "shadows[0].tls.key: expected shadows[0].tls.certificate beside it, got none"
        )
