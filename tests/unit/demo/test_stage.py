from __future__ import annotations

from sidecar.config.load import load_config
from sidecar.demo.stage import CONFIGURATION


def test_the_configuration_is_one_that_the_product_takes() -> None:
    text = CONFIGURATION.format(
        upstream="127.0.0.1:8080",
        reference="/a folder/reference.msgpack",
        pane_s=1.0,
        horizon_s=8.0,
        model="late",
        prediction="late_probability",
    )
    config = load_config(text, "yaml", environ={}, flags={}, read_file=str)
    assert config.upstream == "http://127.0.0.1:8080"
    assert config.reference.path == "/a folder/reference.msgpack"
    assert config.window.horizons_s == (8.0, 60.0)
    assert config.models[0].prediction == "late_probability"
