"""The command line of a program with verbs: ``python -m benchmarks.writer VERB --option=...``."""

import argparse
import json
from collections.abc import Callable
from typing import Any


def run(*verbs: Callable[..., Any]) -> None:
    """Call the verb that the command line names; print what it returns as a line of JSON.

    Each parameter of a verb is an option, of the type that its annotation names. It is required
    unless it has a default.
    """
    parser = argparse.ArgumentParser()
    parsers = parser.add_subparsers(dest="verb", required=True)
    for verb in verbs:
        arguments = parsers.add_parser(verb.__name__)
        for argument, kind in verb.__annotations__.items():
            if argument != "return":
                defaults = verb.__kwdefaults__ or {}
                default = defaults.get(argument)
                arguments.add_argument(
                    f"--{argument}", type=kind, default=default, required=argument not in defaults
                )
    given = vars(parser.parse_args())
    named = {verb.__name__: verb for verb in verbs}
    answer = named[given.pop("verb")](**given)
    if answer is not None:
        print(json.dumps(answer))
