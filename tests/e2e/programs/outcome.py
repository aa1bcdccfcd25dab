"""What a client saw, case by case: the value that it was given or the error that it raised, as JSON.

Standard library only: these programs run in the environments of other people's clients.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

Case = Callable[[str], object]
_CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Makes a function that takes the server's address a case, named like the function."""
    _CASES[function.__name__] = function
    return function


def report(*errors: type[Exception]) -> None:
    """Runs every case against the address in the first argument and prints their outcomes.

    The address itself reads ADDRESS in what errors say.

    Args:
        errors: what the client raises for its user; anything else ends the program.
    """
    seen: dict[str, object] = {}
    for name, function in _CASES.items():
        try:
            seen[name] = function(sys.argv[1])
        except errors as exc:
            seen[name] = {"raised": type(exc).__name__, "text": str(exc).replace(sys.argv[1], "ADDRESS")}
    print(json.dumps(seen))
