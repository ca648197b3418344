# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Add options to commands: those of every restoration, of every pretraining, and of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import Any

from ..restoring.options import declared
from .limits import FROM_ONE, FROM_ZERO, LENGTHS, SEED, Number, number_or_auto, numbers

__all__ = [
    "EPILOG",
    "add_declared",
    "learning",
    "new_command",
    "restoring",
    "shared",
    "words",
]

EPILOG = """exit codes:
  0   done
  2   the command line is wrong
  3   an input cannot be used or an output not written; the message names the file, what was found, and what to do
  8   some scans failed, others are done; the summary table says which
  64  the command line of the BIDS app is wrong
  130 interrupted; nothing half-written is left

Research use only. Fitted networks and their readouts are images of the patient: keep them with the patient's data.
"""


def new_command(
    commands: Any, name: str, action: Callable[[argparse.Namespace], int | None], text: str, takes: str = ""
) -> argparse.ArgumentParser:
    """Add a command.

    Args:
        commands: of the parser, as ``add_subparsers`` returns them.
        name: of the command.
        action: called with the parsed options; returns the exit status, None for 0.
        text: what the command does, for the help; begins in lower case.
        takes: how long it takes, one or more sentences for the help.

    Returns:
        the parser of the command, for its options.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=fill(f"{text[0].upper()}{text[1:]}. {takes}".strip(), 79),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=action)
    return command


def restoring(command: argparse.ArgumentParser) -> None:
    """Add the options of every restoration, those of ``RestoreOptions`` as they are declared there."""
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--scale",
        type=LENGTHS,
        default=None,
        metavar="F|FX,FY,FZ",
        help="one factor refines in-plane, three name the array axes; 1 denoises (default: 2)",
    )
    size.add_argument(
        "--spacing",
        type=LENGTHS,
        default=None,
        metavar="X,Y,Z",
        help="voxel size in mm to reach, per array axis",
    )
    add_declared(command)
    command.add_argument(
        "--gaussian", dest="noise", action="store_const", const="gaussian", help="short for --noise gaussian"
    )
    command.add_argument(
        "--volume",
        type=FROM_ONE,
        default=None,
        metavar="K",
        help="the volume that is meant where a series or a 4-D file holds several: an echo, a time, a direction "
        "(default: all of a 4-D NIfTI file)",
    )
    command.add_argument(
        "--form",
        choices=("sform", "qform"),
        default=None,
        help="the affine of a NIfTI file that counts where its two disagree; the other is kept (default: the sform)",
    )
    command.add_argument("--std", action="store_true", help="also write the standard deviation of every voxel")
    command.add_argument("--shard", default=None, metavar="K/N", help="restore only this shard of many scans")
    command.add_argument("--dry-run", action="store_true", help="print the plan of every scan, and restore none")


class _Names(tuple[str, ...]):
    """The names that an option has; one may be followed by a colon and a parameter, which its class checks."""

    def __contains__(self, value: object) -> bool:
        return super().__contains__(str(value).partition(":")[0])


def add_declared(command: argparse.ArgumentParser, kind: type[Any] | None = None) -> None:
    """Add options as their class declares them, see :func:`monai_strainer.restoring.options.declared`.

    Args:
        command: to add to.
        kind: class of the options; those of a restoration by default.
    """
    for name, option in declared(kind).items():
        how: dict[str, Any] = {"dest": name, "default": option["default"], "help": option["help"]}
        word = name.replace("_", "-")
        if option["among"]:
            how |= {"choices": _Names(option["among"]), "help": f"{option['help']} (default: {option['default']})"}
        elif option["kind"] is bool:
            word = f"no-{word}" if option["default"] else word
            how |= {"action": "store_false" if option["default"] else "store_true"}
        else:
            read = number_or_auto if option["kind"] is float else option["kind"]
            how |= {"type": Number(read, **option["limits"]), "metavar": option["unit"]}
        command.add_argument(f"--{word}", **how)


def learning(command: Any, steps: str = "--steps") -> None:
    """Add the options of every pretraining to a command.

    Args:
        command: parser of the command.
        steps: name of the option with the gradient steps.
    """
    command.add_argument(
        "--kind",
        choices=("cohort", "meta"),
        default="cohort",
        help="an encoder that scans share, or a start for all layers of the network",
    )
    command.add_argument("--images", type=FROM_ONE, default=None, help="use only the first so many scans")
    command.add_argument(
        "--recipe",
        choices=("cohort", "paper"),
        default=None,
        help="'paper': 10 images, 5,000 full-batch steps, a trained readout each (default: 'cohort'; meta has its own)",
    )
    command.add_argument(
        steps,
        dest="pretrain_steps",
        type=FROM_ZERO,
        default=None,
        metavar="N",
        help="gradient steps (default: the recipe's)",
    )
    command.add_argument(
        "--detail-steps",
        type=FROM_ZERO,
        default=None,
        metavar="N",
        help="gradient steps of the detail prior; 0 trains none (default: the recipe's)",
    )
    command.add_argument(
        "--contrast",
        default=None,
        metavar="SUFFIX",
        help="use images of this contrast alone, such as T2w (default of pretraining: T1w where there is one)",
    )
    command.add_argument("--plane", choices=("axial", "coronal", "sagittal"), default="axial")
    command.add_argument(
        "--grid",
        type=Number(numbers, least=1, most=9999),
        default=None,
        metavar="S,H,W",
        help="slices, rows and columns of the common grid (default: 96,152,200)",
    )
    command.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    command.add_argument("--tensorboard", action="store_true", help="write curves to the bundle's folder runs")


def shared(command: argparse.ArgumentParser, prior: bool = True, verbose: bool = True) -> None:
    """Add the options of every command: prior, device, seed, overwriting, messages.

    Args:
        command: parser of the command.
        prior: whether it takes a bundle.
        verbose: False for a command with an option of that name of its own.
    """
    if prior:
        command.add_argument(
            "--prior",
            type=Path,
            default=None,
            metavar="BUNDLE",
            help="bundle folder (default: the one that comes with the package)",
        )
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    command.add_argument("--seed", type=SEED, default=0)
    command.add_argument("--overwrite", action="store_true", help="replace outputs that are there")
    speaking(command, verbose)


def speaking(command: argparse.ArgumentParser, verbose: bool = True) -> None:
    """Add the options of what a command says, and where its options stand."""
    group = command.add_argument_group("messages")
    loud = group.add_mutually_exclusive_group()
    loud.add_argument("-q", "--quiet", action="store_true", help="warnings and errors alone; no progress")
    if verbose:
        loud.add_argument("-v", "--verbose", action="store_true", help="details too, such as why a prior was chosen")
    group.add_argument(
        "--log",
        type=Path,
        default=None,
        metavar="FILE",
        help="append all messages to a file, with the time; it names scans as the table of a run does",
    )
    group.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help='TOML file of options by their names, such as scale = "2,2,1"; the command line goes before',
    )


def words(text: str) -> list[str]:
    return text.split(",")
