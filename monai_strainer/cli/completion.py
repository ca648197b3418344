# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Print a script that completes commands and options in bash, zsh or fish; made from the parser itself."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from typing import Any

__all__ = ["SHELLS", "add_completion", "commands_of", "script"]

SHELLS = {
    "bash": "monai-strainer completion bash >> ~/.bash_completion",
    "zsh": "monai-strainer completion zsh >> ~/.zshrc",
    "fish": "monai-strainer completion fish > ~/.config/fish/completions/monai-strainer.fish",
}

BASH = """# Completion of monai-strainer for bash.
_monai_strainer() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="${{COMP_WORDS[1]}}"
    local words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands}" -- "$word"))
        return
    fi
    case "$command $before" in
{choices}
    esac
    if [ -z "$words" ] && [ "${{word#-}}" != "$word" ]; then
        case "$command" in
{options}
        esac
    fi
    if [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -o bashdefault -F _monai_strainer monai-strainer
"""


def add_completion(commands: Any, parser: argparse.ArgumentParser) -> None:
    """Add the command ``completion``.

    Args:
        commands: of the parser, as ``add_subparsers`` returns them.
        parser: whose commands and options are completed.
    """
    command = commands.add_parser(
        "completion",
        help="print a script that completes commands and options in a shell",
        description="Print a script that completes commands and options in a shell.",
        epilog="\n".join(["to install:", *(f"  {line}" for line in SHELLS.values())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("shell", choices=tuple(SHELLS))
    command.set_defaults(run=lambda args: print(script(args.shell, parser), end=""))


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return the script for a shell.

    Args:
        shell: of ``SHELLS``.
        parser: of the whole command line.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> _ = parser.add_subparsers().add_parser("restore").add_argument("--std", action="store_true")
        >>> "restore) words='-h --help --std'" in script("bash", parser)
        True
    """
    if shell == "fish":
        return "\n".join(_fish(parser)) + "\n"
    bash = _bash(parser)
    return bash if shell == "bash" else "autoload -U +X compinit bashcompinit\ncompinit\nbashcompinit\n" + bash


def commands_of(parser: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """Return the commands with their help texts and parsers.

    Args:
        parser: of the whole command line.
    """
    (found,) = (part for part in parser._actions if isinstance(part, argparse._SubParsersAction))
    texts = {action.dest: action.help or "" for action in found._choices_actions}
    return {name: (texts.get(name, ""), command) for name, command in found.choices.items()}


def _bash(parser: argparse.ArgumentParser) -> str:
    choices, options = [], []
    for name, (_, command) in commands_of(parser).items():
        options.append(f"            {name}) words={shlex.quote(' '.join(_words(command)))} ;;")
        for action in command._actions:
            if action.option_strings and action.choices:
                values = shlex.quote(" ".join(map(str, action.choices)))
                patterns = "|".join(f'"{name} {word}"' for word in action.option_strings)
                choices.append(f"        {patterns}) words={values} ;;")
    return BASH.format(commands=" ".join(commands_of(parser)), choices="\n".join(choices), options="\n".join(options))


def _words(command: argparse.ArgumentParser) -> list[str]:
    return [word for action in command._actions for word in action.option_strings]


def _fish(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield "# Completion of monai-strainer for fish."
    for name, (text, command) in commands_of(parser).items():
        yield f"complete -c monai-strainer -n __fish_use_subcommand -f -a {name} -d {shlex.quote(text)}"
        for action in command._actions:
            words = [f"-l {word[2:]}" for word in action.option_strings if word.startswith("--")]
            words += [f"-s {word[1:]}" for word in action.option_strings if not word.startswith("--")]
            if not words:
                continue
            if action.choices:
                words.append(f"-x -a {shlex.quote(' '.join(map(str, action.choices)))}")
            elif action.nargs != 0:
                words.append("-r")
            yield (
                f"complete -c monai-strainer -n '__fish_seen_subcommand_from {name}' {' '.join(words)}"
                f" -d {shlex.quote(action.help or '')}"
            )
