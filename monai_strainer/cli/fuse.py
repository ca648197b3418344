# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Add and run the command ``fuse``: several stacks of one person as one isotropic volume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..pipelines.device import device_of
from .messages import log, result
from .options import new_command, number_or_auto, shared
from .progress import bar_of
from .restore import require_target

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
    command.add_argument("--spacing", type=float, default=1.0, metavar="MM", help="voxel edge in mm (default: 1)")
    command.add_argument(
        "--method",
        choices=("auto", "network", "kriging"),
        default="auto",
        help="restore every stack with the prior first, or use the data alone; auto tries both (default: auto)",
    )
    command.add_argument(
        "--no-align", dest="align", action="store_false", help="believe the headers: stacks do not move"
    )
    command.add_argument(
        "--sigma",
        type=number_or_auto,
        default=None,
        metavar="S",
        help="noise standard deviation in the scans' units (default: estimated)",
    )
    command.add_argument("--std", action="store_true", help="also write the standard deviation of every voxel")
    shared(command)


def fuse(args: Options) -> int:
    """Fuse the stacks and write the volume with its record."""
    from ..fusing import FuseOptions
    from ..pipelines.fuse_files import fuse_files
    from ..priors.store import load_prior

    target = args.output
    require_target(target, args.input[0], args.overwrite)
    options = FuseOptions(args.spacing, args.method, args.align, sigma=args.sigma, seed=args.seed)
    prior, device = load_prior(args.prior), device_of(args.device)
    bar, move = bar_of(args, "fusing", "part")
    with bar:
        report = fuse_files(
            args.input,
            args.output,
            prior,
            options,
            std=args.std,
            overwrite=args.overwrite,
            device=device,
            progress=move,
        )
    result(f"{target.name}: {len(report['stacks'])} stacks, {report['method']}: {report['why']}")
    for number, one in enumerate(report["stacks"][1:], 2):
        shift, rotation = (" ".join(f"{value:+.2f}" for value in one[name]) for name in ("shift", "rotation"))
        result(f"  stack {number}: shift {shift} mm, rotation {rotation} degrees, gain {one['gain']:.2f}")
    for warning in report["warnings"]:
        log.warning("note: %s", warning)
    return 0
