# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Take options from a TOML file: its keys are the names of the options; the command line overrides it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..storage.toml_file import read_toml
from .limits import refuse_out_of_range

__all__ = ["with_config"]

NOT_IN_A_FILE = ("help", "version", "config")


def with_config(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; options that it leaves out are those of its ``--config`` file, if it names one.

    Args:
        parser: of the whole command line; the defaults of the command change.
        words: of the command line.

    Raises:
        InputError: the file cannot be read, or holds an unknown option or a value that is none; a number, of either,
            that lies outside of its limits.
    """
    args = parser.parse_args(words)
    (commands,) = (part for part in parser._actions if isinstance(part, argparse._SubParsersAction))
    command = commands.choices[args.command]
    # a command that has no messages may have an option of this name and another meaning
    if getattr(args, "config", None) is not None and hasattr(args, "quiet"):
        args = _with_file(parser, command, words, args)
    refuse_out_of_range(command, args)
    return args


def _with_file(
    parser: argparse.ArgumentParser, command: argparse.ArgumentParser, words: Sequence[str], args: argparse.Namespace
) -> argparse.Namespace:
    """Parse a command line again, with the values of its file as defaults."""
    values = _values(args.config, command)
    for group in command._mutually_exclusive_groups:  # the command line chose another of these
        names = {action.dest for action in group._group_actions}
        chosen = any(getattr(args, action.dest) != action.default for action in group._group_actions)
        values = {name: value for name, value in values.items() if not (chosen and name in names)}
    command.set_defaults(**values)
    return parser.parse_args(words)


def _values(path: Path, command: argparse.ArgumentParser) -> dict[str, Any]:
    """Return the values of a file by the names under which the command keeps them."""
    content = read_toml(path, 'write lines such as scale = "2,2,1" or std = true')
    known: dict[str, argparse.Action] = {}
    for action in command._actions:
        names = [word.removeprefix("--") for word in action.option_strings if word.startswith("--")]
        known |= {name.replace("_", "-"): action for name in names if name not in NOT_IN_A_FILE}
    out: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("_", "-")
        if name not in known:
            raise InputError(f"there is no option {key!r}", f"choose from {', '.join(sorted(known))}", path)
        if (found := _value(command, known[name], key, value, path)) is not None:
            out[known[name].dest] = found[0]
    return out


def _value(
    command: argparse.ArgumentParser, action: argparse.Action, key: str, value: Any, path: Path
) -> tuple[Any] | None:
    """Return the value of one option in a tuple, as the command line would read it; None for a flag that is false."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{key} = {value!r} is neither true nor false", f"write {key} = true", path)
        return (action.const,) if value else None
    many = isinstance(value, list)
    texts = [str(one) for one in (value if many else [value])]
    if isinstance(value, bool | dict):
        raise InputError(f"{key} takes a value, not {value!r}", f"write it as on the command line after --{key}", path)
    if many and action.nargs is None:
        texts = [",".join(texts)]
    try:
        read = [command._get_value(action, text) for text in texts]
        for one in read:
            command._check_value(action, one)
    except argparse.ArgumentError as error:
        raise InputError(f"{key} = {value!r}: {error.message}", f"see --help for --{key}", path) from None
    return (read if action.nargs is not None else read[0],)
