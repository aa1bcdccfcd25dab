from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.config.load import load_config
from sidecar.errors import ConfigError

UPSTREAM = "http://host:port, https://host:port or unix:/path"


def complaint(text: str = "", **options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(text, **options)  # type: ignore[arg-type]
    return str(caught.value)


class TestLayers:
    def test_nothing_is_all_defaults(self) -> None:
        config = load_config()
        assert (config.listen, config.window.pane_s, config.tap.ratio) == ("0.0.0.0:9000", 60.0, 1.0)

    def test_file_then_variables_then_flags(self) -> None:
        text = "workers: 2\nwindow: {pane_s: 10, min_rows: 50}\ntap: {ratio: 0.1}"
        config = load_config(
            text,
            environ={"SIDECAR_WINDOW__PANE_S": "5", "SIDECAR_TAP__RATIO": "0.2"},
            flags={"tap": {"ratio": 0.3}},
        )
        assert (config.workers, config.window.pane_s, config.window.min_rows, config.tap.ratio) == (
            2,
            5.0,
            50,
            0.3,
        )

    def test_toml_has_the_same_keys(self) -> None:
        assert load_config("[window]\npane_s = 1", "toml").window.pane_s == 1.0

    def test_a_list_in_a_variable(self) -> None:
        config = load_config(environ={"SIDECAR_WINDOW__HORIZONS_S": "[60, 120]"})
        assert config.window.horizons_s == (60.0, 120.0)

    def test_variables_of_a_kubernetes_service_called_sidecar_are_not_ours(self) -> None:
        assert (
            load_config(environ={"SIDECAR_SERVICE_HOST": "10.0.0.1", "SIDECAR_PORT": "tcp://10.0.0.1:80"})
            == load_config()
        )


class TestSecrets:
    def test_a_variable_and_a_file_are_filled_in(self, tmp_path: Path) -> None:
        secret = tmp_path / "token"
        secret.write_text("s3cret\n")
        text = f"upstream: http://${{HOST}}:1\nadmin_server: {{token: '${{file:{secret}}}'}}"
        config = load_config(text, environ={"HOST": "model"}, read_file=lambda name: Path(name).read_text())
        assert (config.upstream, config.admin_server.token) == ("http://model:1", "s3cret")

    def test_what_is_missing_is_named(self) -> None:
        assert (
            complaint("upstream: http://${HOST}:1")
            == "upstream: expected the variable HOST to be set, got no such variable"
        )
        assert complaint(
            "admin_server: {token: '${file:/no}'}", read_file=lambda name: Path(name).read_text()
        ) == ("admin_server.token: expected a readable file /no, got No such file or directory")

    def test_a_wrong_token_is_not_shown(self) -> None:
        assert complaint("admin_server: {token: 12345}") == "admin_server.token: expected str | null, got int"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("window: {pan_s: 1}", "window.pan_s: expected a known key, perhaps 'pane_s', got 'pan_s'"),
        ("lissten: a", "lissten: expected a known key, perhaps 'listen', got 'lissten'"),
        ("window: {pane_s: -1}", "window.pane_s: expected float > 0.0, got -1"),
        ("window: {pane_s: soon}", "window.pane_s: expected float, got 'soon'"),
        ("tap: 5", "tap: expected object, got 5"),
        ("- a", "file: expected a mapping of settings, got list"),
        ("upstream: ftp://x", f"upstream: expected {UPSTREAM}, got 'ftp://x'"),
        ("upstream: http://x/path", f"upstream: expected {UPSTREAM}, got 'http://x/path'"),
        ("listen: '9000'", "listen: expected HOST:PORT, got '9000'"),
        ("listen: 'a:70000'", "listen: expected HOST:PORT, got 'a:70000'"),
        (
            "tap: {ring_bytes: 100000}",
            "tap.ring_bytes: expected a power of two in [65536, 1073741824], got 100000",
        ),
        (
            "admin: 0.0.0.0:9002",
            "admin_server.token: expected a token, since 0.0.0.0:9002 is not a loopback address, got none",
        ),
        (
            "window: {horizons_s: [20, 10]}",
            "window.horizons_s: expected lengths in rising order, got [20.0, 10.0]",
        ),
        ("window: {horizons_s: [30]}", "window.horizons_s: expected at least one pane of 60.0 s, got 30.0"),
        ("health_check: {path: ready}", "health_check.path: expected a path that begins with /, got 'ready'"),
        (
            'health_check: {path: "/ready HTTP/1.1\\r\\n"}',
            "health_check.path: expected a path that begins with /, got '/ready HTTP/1.1\\r\\n'",
        ),
        ("models: [{name: a}, {name: a}]", "models: expected one entry a name, got 'a' twice"),
        (
            "a: [",
            "file: expected YAML, got line 1, column 5: expected the node content, but found '<stream end>'",
        ),
        ("log_format: xml", "log_format: expected one of auto, text, json, got 'xml'"),
        (
            "alarm: {river: [{detector: adwin, feature: a}]}",
            "alarm.river[0].detector: expected one of ADWIN, PageHinkley, DDM, KSWIN, got 'adwin'",
        ),
        ("routes: [{tap: false}]", "routes[0].path: expected a value, got none"),
        ("window: {horizons_s: [.inf]}", "window.horizons_s[0]: expected a finite number, got inf"),
        ("window: {half_lives_s: [0]}", "window.half_lives_s[0]: expected float > 0.0, got 0"),
        ("window: {half_lives_s: [60, .inf]}", "window.half_lives_s[1]: expected a finite number, got inf"),
        (
            "window: {horizons_s: [300, 300]}",
            "window.horizons_s: expected lengths in rising order, got [300.0, 300.0]",
        ),
        ("window: {pane_rows: 1}", "window.pane_rows: expected int >= 10, got 1"),
        (
            "models: [{name: a}, {name: b, features: [x, {name: y, column: x}]}]",
            "models[1].features: expected one entry a name, got 'x' twice",
        ),
        (
            "tap: {ratio: 1}\nworkers: 1\ntap: {ratio: 0}",
            "file: expected YAML, got line 3, column 1: expected a key once, got tap twice",
        ),
        ("tap: {1: a}", "file: expected YAML, got line 1, column 7: expected a key of text, got 1"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(text: str, message: str) -> None:
    assert complaint(text) == message


def test_wrong_toml() -> None:
    assert complaint("a = ", file_format="toml").startswith("file: expected TOML, got Invalid value")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tls: {key: /k.pem}", "tls.key: expected tls.certificate beside it, got none"),
        ("tls: {client_ca: /ca.pem}", "tls.client_ca: expected tls.certificate beside it, got none"),
        ("tls: {alpn: []}", "tls.alpn: expected at least one protocol, got none"),
        ("tls: {alpn: [h2, spdy]}", "tls.alpn[1]: expected http/1.1 or h2, got 'spdy'"),
        (
            "{upstream: 'https://m', upstream_tls: {key: /k.pem}}",
            "upstream_tls.key: expected upstream_tls.certificate beside it, got none",
        ),
        (
            "{upstream: 'http://m', upstream_tls: {ca: /ca.pem}}",
            "upstream_tls.ca: expected an https:// upstream, got 'http://m'",
        ),
        (
            "{upstream: 'unix:/m', upstream_tls: {certificate: /c.pem}}",
            "upstream_tls.certificate: expected an https:// upstream, got 'unix:/m'",
        ),
        (
            "upstream_tls: {server_name: m}",
            "upstream_tls.server_name: expected an https:// upstream, got 'http://127.0.0.1:8080'",
        ),
    ],
)
def test_settings_of_tls_that_would_have_no_effect_are_refused(text: str, message: str) -> None:
    assert complaint(text) == message


def test_tls_on_both_sides() -> None:
    text = """
        upstream: https://model
        tls: {certificate: /c.pem, key: /k.pem, client_ca: /ca.pem, alpn: [h2, http/1.1]}
        upstream_tls: {ca: /ca.pem, certificate: /c.pem, server_name: model.internal}
    """
    config = load_config(text)
    assert (config.tls.alpn, config.upstream_tls.server_name) == (("h2", "http/1.1"), "model.internal")


def test_a_lone_dash_in_a_variable_is_text() -> None:
    assert load_config(environ={"SIDECAR_ACCESS_LOG__PATH": "-"}).access_log.path == "-"


def test_a_variable_for_a_part_cannot_stand_beside_one_for_the_whole() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(environ={"SIDECAR_TAP": "1", "SIDECAR_TAP__RATIO": "0.5"})
    assert str(caught.value) == (
        "SIDECAR_TAP__RATIO: expected no variable that sets all of tap, got one beside it"
    )


def test_an_alias_within_itself_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("tap: &tap {ratio: 0.5, inner: *tap}")
    assert str(caught.value) == "file: expected a YAML alias that is not within itself, got one that is"


def test_keys_that_a_yaml_alias_brings_may_be_set_again() -> None:
    text = "pool: &few {connections: 4, waiting: 8}\nbreaker: {<<: {failures: 1, open_s: 2}, failures: 3}"
    config = load_config(text)
    assert (config.pool.waiting, config.breaker.failures, config.breaker.open_s) == (8, 3, 2.0)
