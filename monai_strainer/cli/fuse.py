# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Add and run the command ``fuse``: several stacks of one person as one volume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError
from ..fusing.options import FuseOptions
from ..pipelines.device import device_of
from ..restoring.options import declared
from .limits import Number, numbers
from .messages import gain_text, log, motion_text, result, warn
from .options import add_declared, new_command, shared, words
from .progress import bar_of
from .targets import require_target

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["add_fuse", "fuse"]


def add_fuse(commands: Any) -> None:
    """Add ``fuse``."""
    command = new_command(commands, "fuse", fuse, "make one isotropic volume of several stacks of one person")
    command.add_argument(
        "input",
        type=Path,
        nargs="+",
        metavar="STACK",
        help="two or more NIfTI files, or DICOM files or folders; the result has the axes and units of the first",
    )
    command.add_argument("output", type=Path, metavar="OUT", help="NIfTI file to write; a folder for DICOM")
    add_declared(command, FuseOptions)
    command.add_argument(
        "--like",
        type=Path,
        default=None,
        metavar="FILE",
        help="image whose grid the result has, in any orientation, in place of --spacing",
    )
    command.add_argument(
        "--volume",
        type=Number(numbers, least=1),
        default=None,
        metavar="K[,K...]",
        help="the volume that is meant where stacks hold several: one number for all stacks, or one for each",
    )
    command.add_argument(
        "--series-uid",
        type=words,
        default=None,
        metavar="UID,...",
        help="the DICOM series that are meant, one for each stack, or nothing between two commas; a folder of several "
        "series can be given once for each",
    )
    command.add_argument(
        "--form",
        choices=("sform", "qform"),
        default=None,
        help="the affine of NIfTI files that counts where their two disagree",
    )
    command.add_argument("--std", action="store_true", help="also write the standard deviation of every voxel")
    command.add_argument("--report", action="store_true", help="also write a page with the stacks and the result")
    shared(command)


def fuse(args: Options) -> int:
    """Fuse the stacks and write the volume with its record."""
    from ..pipelines.file_options import Outputs
    from ..pipelines.fuse_files import fuse_files
    from ..pipelines.stack_files import StackFiles
    from ..priors.store import load_prior

    target = args.output
    options = FuseOptions(**{name: getattr(args, name) for name in declared(FuseOptions)}, seed=args.seed)
    volumes = [int(k) for k in args.volume or ()]
    if volumes != [k for k in args.volume or ()]:
        raise InputError("a volume is named by a whole number", "count from 1")
    files = StackFiles(args.input, volumes, args.series_uid or (), args.form, args.like)
    require_target(target, files.inputs, args.overwrite)
    _require_result(target)
    outputs = Outputs(args.std, args.report, args.overwrite)
    prior, device = load_prior(args.prior), device_of(args.device)
    bar, move = bar_of(args, "fusing", "part")
    with bar:
        report = fuse_files(files, target, prior, options, outputs, device=device, progress=move)
    result(f"{target.name}: {len(report['stacks'])} stacks, {report['method']}: {report['why']}")
    names = [path.name for path in files.paths]
    for one in report["stacks"][1:]:
        result(
            f"  stack {one['number']} ({names[one['number'] - 1]}): {motion_text(one)}, gain {gain_text(one['gain'])}"
        )
    for number in report["left_out"]:
        result(f"  stack {number} ({names[number - 1]}) is left out")
    for note in report["notes"]:
        log.info("%s", note)
    warn(report)
    return 0


def _require_result(target: Path) -> None:
    """Refuse to replace an image that is no result: whoever forgets the output names a stack in its place.

    Raises:
        InputError: a file without a record stands there.
    """
    from ..io import is_image
    from ..storage.atomic import stem

    if is_image(target) and target.is_file() and not target.with_name(f"{stem(target)}.json").exists():
        raise InputError(
            "the output, the last name, is an image that is no result of this package",
            "name the file to write behind the stacks",
            target,
        )
