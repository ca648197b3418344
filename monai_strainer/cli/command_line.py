# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Parse the command line ``monai-strainer`` and run a command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import InputError, disk_error
from . import learn, learn_general
from .completion import add_completion
from .config_file import with_config
from .denoise_image import add_denoise_image
from .fuse import add_fuse
from .limits import FRACTION, FROM_ONE, FROM_ZERO, Number, numbers
from .listen import add_listen
from .messages import log, messages_of, warnings_as_notes
from .options import EPILOG, learning, new_command, shared, words
from .other_options import elsewhere
from .restore_options import add_bids, add_restore

__all__ = ["main"]

UNREAD = 141  # exit code where nobody reads the output any more, as shells have it


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="monai-strainer",
        description="Super-resolve and denoise MRI scans with a prior learned from a small cohort (STRAINER).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"monai_strainer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        add_restore,
        add_fuse,
        add_denoise_image,
        _add_pretrain,
        _add_pretrain_general,
        _add_evaluate,
        add_bids,
        add_listen,
        _add_demo,
    ):
        add(commands)
    add_completion(commands, parser)
    return parser


def _add_pretrain(commands: Any) -> None:
    takes = "Ten scans take about an hour and a half of one CPU core; a trial of two steps says how long it takes here."
    command = new_command(commands, "pretrain", learn.pretrain, "learn a prior from a cohort", takes)
    command.add_argument("input", type=Path, metavar="COHORT_DIR", help="folder of NIfTI files, or a BIDS folder")
    command.add_argument("output", type=Path, metavar="OUT_BUNDLE", help="bundle folder to write models/ into")
    learning(command)
    command.add_argument(
        "--from",
        dest="start",
        default=None,
        metavar="BUNDLE",
        help="train the prior of this bundle further, in minutes: a folder, mri_strainer or general_strainer",
    )
    shared(command, prior=False)


def _add_pretrain_general(commands: Any) -> None:
    text = "learn a prior for scans of any kind"
    takes = "It takes about two hours of one CPU core; a trial of two steps says how long it takes here."
    command = new_command(commands, "pretrain-general", learn_general.pretrain_general, text, takes)
    command.add_argument("input", type=Path, metavar="FOLDER", help="NIfTI files; manifest.tsv may say which train")
    command.add_argument("output", type=Path, metavar="OUT_BUNDLE", help="bundle folder to write models/ into")
    for name, dest, network in (
        ("--steps", "general_steps", "detail network"),
        ("--noise-steps", "noise_steps", "noise level network"),
        ("--truncation-steps", "truncation_steps", "network that tells truncated k-space from area averages"),
    ):
        text = f"gradient steps of the {network}; 0 with --from keeps that bundle's"
        command.add_argument(name, dest=dest, type=FROM_ZERO, default=None, metavar="N", help=text)
    command.add_argument(
        "--rate", type=Number(float, above=0), default=None, help="highest learning rate (default: the recipe's)"
    )
    text = "fraction of the examples that have noise alone, no larger voxels (default: 0.4)"
    command.add_argument("--denoising", type=FRACTION, default=None, metavar="FRACTION", help=text)
    text = "voxels along each side of a patch; larger patches are fewer (default: 64)"
    command.add_argument("--side", type=Number(int, least=16), default=None, metavar="N", help=text)
    command.add_argument("--from", dest="start", type=Path, metavar="BUNDLE", help="train its networks further")
    command.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    shared(command, prior=False)


def _add_evaluate(commands: Any) -> None:
    text = "compare methods on scans whose truth is known"
    command = new_command(commands, "evaluate", learn.evaluate, text)
    command.add_argument(
        "input", type=Path, metavar="DIR", help="folder of scans; only the split 'val' of a BIDS folder is evaluated"
    )
    command.add_argument(
        "--out", type=Path, default=Path("evaluation.csv"), help="table to write (default: evaluation.csv)"
    )
    command.add_argument("--picture", type=Path, default=None, help="also write a PNG")
    command.add_argument("--tasks", type=words, default=None, help="of fit,x2,x4,denoise3,denoise9 (default: all)")
    command.add_argument("--methods", type=words, default=None, help="see the docs for their names (default: all)")
    command.add_argument(
        "--levels",
        type=Number(numbers, least=0, most=1),
        default=None,
        help="heights in the head, 0 to 1 (default: 0.35,0.5,0.65)",
    )
    command.add_argument("--scans", type=FROM_ONE, default=None, help="evaluate only the first so many scans")
    command.add_argument("--steps", type=FROM_ZERO, default=None, help="refinement steps (default: as restore)")
    shared(command)


def _add_demo(commands: Any) -> None:
    takes = "It takes about a minute of one CPU core; the first picture is there after half of that."
    command = new_command(commands, "demo", learn.demo, "the main job on a scan that comes with nilearn", takes)
    command.add_argument(
        "--output", type=Path, default=Path("demo_output"), help="folder to write (default: demo_output)"
    )
    shared(command)


def main(argv: Sequence[str] | None = None, *, load: Callable[[Sequence[Path]], None] | None = None) -> int:
    """Run the command line; returns its exit code.

    Args:
        argv: the words after the program's name; those of the process by default.
        load: called with what is to be restored, before it is; a process of its own loads its modules there.

    Returns:
        the exit code.
    """
    typed = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    try:
        args = with_config(parser, typed)
        args.load = load
        if not hasattr(args, "quiet"):  # a command that says nothing but what it prints, and what ends it
            with messages_of(True, False, None), warnings_as_notes():
                return _run(args, parser)
        with messages_of(args.quiet, args.verbose, args.log, not getattr(args, "json", False)), warnings_as_notes():
            return _run(args, parser)
    except SystemExit as leaving:  # BIDS Apps leave with 64 where the command line is wrong
        raise SystemExit(64 if leaving.code == 2 and typed[:1] == ["bids"] else leaving.code) from None
    except InputError as error:  # before anything could be logged
        print(f"monai-strainer: {error}", file=sys.stderr)
        return 3


def _run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Run a command; what ends it is a line, on the standard error and in the log."""
    try:
        return int(args.run(args) or 0)
    except BrokenPipeError:  # such as | head -1: who reads has heard enough
        return UNREAD
    except (InputError, OSError) as error:
        said = disk_error(error) if isinstance(error, OSError) else error
        log.error("%s%s", said, elsewhere(said.remedy, args.command, parser))
        return 3
    except KeyboardInterrupt:
        log.error("interrupted")
        return 130
