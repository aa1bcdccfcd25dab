"""All checks are run, and what failed is told."""

from __future__ import annotations

import sys

import pytest

from tests.run import PATIENT, Check, checks, run_all


def ending(code: int) -> Check:
    return Check([sys.executable, "-c", f"raise SystemExit({code})"], {"WITH": "this"})


class TestChecks:
    def test_are_run_to_the_last_and_the_first_failure_is_the_exit_code(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run_all([ending(0), ending(3), ending(4), ending(0)]) == 3
        told = [line.partition(" in ")[0] for line in capfd.readouterr().out.splitlines()]
        three, four = (f"--- failed with exit code {code}" for code in (3, 4))
        assert [line for line in told if " -c " not in line] == ["--- ok", three, four, "--- ok", three, four]

    def test_have_their_variables(self) -> None:
        code = "import os; raise SystemExit(os.environ['WITH'] == 'this')"
        assert run_all([Check([sys.executable, "-c", code], {"WITH": "this"})]) == 1

    def test_of_everything_are_more_than_the_quick_ones(self) -> None:
        quick, everything = ({str(check) for check in checks(which)} for which in ("check", "all"))
        assert "-m mypy" in quick & everything
        assert {" ".join([*PATIENT[1:], "tests"]), "-m tests.compiled"} <= everything - quick
