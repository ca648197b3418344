# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say where an error advises an option that the command does not have: readers of files do not know who calls them."""

from __future__ import annotations

import argparse
import re

from .completion import commands_of

__all__ = ["elsewhere"]


def elsewhere(remedy: str, command: str, parser: argparse.ArgumentParser) -> str:
    """Return a sentence about the options in a remedy that a command lacks; nothing where it has them all.

    Args:
        remedy: of an error.
        command: that was run.
        parser: of the whole command line.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> commands = parser.add_subparsers()
        >>> _ = commands.add_parser("restore").add_argument("--volume"), commands.add_parser("evaluate")
        >>> elsewhere("choose one with --volume", "evaluate", parser)
        ' (evaluate has no --volume: change the files instead)'
        >>> elsewhere("choose one with --volume", "restore", parser)
        ''
    """
    known = {name: set(one._option_string_actions) for name, (_, one) in commands_of(parser).items()}
    for option in dict.fromkeys(re.findall(r"--[a-z][a-z-]*", remedy)):
        has = [name for name, options in known.items() if option in options]
        if has and command in known and command not in has:
            return f" ({command} has no {option}: change the files instead)"
    return ""
