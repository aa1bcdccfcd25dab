from __future__ import annotations

from kernels.search_source import TARGET, search_source


def test_the_generated_module_is_current():
    assert TARGET.read_text(encoding="utf-8") == search_source()
