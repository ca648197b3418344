# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""monai-strainer: the command line. It reads options, calls the library, and tells people what happened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import InputError, disk_error
from . import learn as run
from . import learn_general as everything
from . import restore as scans

__all__ = ["main"]

EPILOG = """exit codes:
  0   done
  2   the command line is wrong
  3   an input cannot be used or an output not written; the message names the file, what was found, and what to do
  8   some scans failed, others are done; the summary table says which
  64  the command line of the BIDS app is wrong
  130 interrupted; nothing half-written is left

Research use only. Fitted networks and their heads are images of the patient: keep them with the patient's data.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="monai-strainer",
        description="Super-resolve and denoise MRI scans with a prior learned from a small cohort (STRAINER).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"monai_strainer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    restore = _command(commands, "restore", scans.restore, "restore one scan or every scan of a folder")
    restore.add_argument(
        "input",
        type=Path,
        metavar="IN",
        help="NIfTI file, DICOM file or folder, a folder of NIfTI files, or a manifest.tsv",
    )
    restore.add_argument(
        "output", type=Path, metavar="OUT", help="NIfTI file to write; a folder for DICOM or for many scans"
    )
    _restoring(restore)
    restore.add_argument(
        "--report", action="store_true", help="also write the JSON record of what was done, and a page"
    )
    restore.add_argument("--series-uid", default=None, metavar="UID", help="the DICOM series that is meant")
    _shared(restore)

    pretrain = _command(commands, "pretrain", run.pretrain, "learn a prior from a cohort")
    pretrain.add_argument(
        "input",
        type=Path,
        metavar="COHORT_DIR",
        help="folder of NIfTI files, or a BIDS folder; - with --kind noise, which needs no scans",
    )
    pretrain.add_argument("output", type=Path, metavar="OUT_BUNDLE", help="bundle folder to write models/ into")
    _learning(pretrain)
    _shared(pretrain, prior=False)

    general = _command(commands, "pretrain-general", everything.pretrain_general, "learn a prior for scans of any kind")
    general.add_argument("input", type=Path, metavar="FOLDER", help="NIfTI files; manifest.tsv may say which train")
    general.add_argument("output", type=Path, metavar="OUT_BUNDLE", help="bundle folder to write models/ into")
    for name, dest in (("--steps", "general_steps"), ("--noise-steps", "noise_steps")):
        general.add_argument(name, dest=dest, type=int, default=None, metavar="N", help="gradient steps")
    general.add_argument("--rate", type=float, default=None, help="highest learning rate (default: the recipe's)")
    general.add_argument("--from", dest="start", type=Path, metavar="BUNDLE", help="train its detail network further")
    general.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    _shared(general, prior=False)

    evaluate = _command(commands, "evaluate", run.evaluate, "compare methods on scans whose truth is known")
    evaluate.add_argument(
        "input", type=Path, metavar="DIR", help="folder of scans; only the split 'val' of a BIDS folder is judged"
    )
    evaluate.add_argument(
        "--out", type=Path, default=Path("evaluation.csv"), help="table to write (default: evaluation.csv)"
    )
    evaluate.add_argument("--picture", type=Path, default=None, help="also write a PNG")
    evaluate.add_argument("--tasks", type=_words, default=None, help="of fit,x2,x4,denoise3,denoise9 (default: all)")
    evaluate.add_argument("--methods", type=_words, default=None, help="see the docs for their names (default: all)")
    evaluate.add_argument(
        "--levels", type=_numbers, default=None, help="heights in the head, 0 to 1 (default: 0.35,0.5,0.65)"
    )
    evaluate.add_argument("--scans", type=int, default=None, help="judge only the first so many scans")
    evaluate.add_argument("--steps", type=int, default=None, help="refinement steps (default: as restore)")
    _shared(evaluate)

    bids = _command(commands, "bids", scans.bids, "restore a BIDS dataset, or pretrain on it (BIDS App)")
    bids.add_argument("input", type=Path, metavar="BIDS_DIR", help="raw dataset")
    bids.add_argument("output", type=Path, metavar="OUT_DIR", help="folder of the derivatives")
    bids.add_argument(
        "level",
        choices=("participant", "group"),
        help="participant restores every scan; group learns a prior from all and tables what was restored",
    )
    for name, text in (("participant", "sub-"), ("session", "ses-")):
        bids.add_argument(
            f"--{name}-label",
            f"--{name}_label",
            nargs="+",
            default=[],
            metavar="LABEL",
            help=f"only these, with {text} or without",
        )
    bids.add_argument(
        "--bids-filter-file",
        "--bids_filter_file",
        type=Path,
        default=None,
        metavar="FILE",
        help='JSON of entities that scans must have: {"t1w": {"acquisition": "mprage"}}',
    )
    bids.add_argument("-w", "--work-dir", type=Path, default=None, help="accepted and not needed")
    bids.add_argument("--nprocs", "--n-cpus", type=int, default=None, help="threads to compute with")
    bids.add_argument(
        "--skip-bids-validation", "--skip_bids_validation", action="store_true", help="accepted: none is done here"
    )
    bids.add_argument("--version", action="version", version=f"monai_strainer {__version__}")
    _learning(bids.add_argument_group("of group"), steps="--pretrain-steps")
    _restoring(bids)
    _shared(bids)

    demo = _command(commands, "demo", run.demo, "the main job on a scan that comes with nilearn")
    demo.add_argument("--output", type=Path, default=Path("demo_output"), help="folder to write (default: demo_output)")
    _shared(demo)
    return parser


def _command(
    commands: Any, name: str, action: Callable[[argparse.Namespace], int | None], text: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=action)
    return command


def _restoring(command: argparse.ArgumentParser) -> None:
    """The options of every restoration."""
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--scale",
        type=_numbers,
        default=None,
        metavar="F|FX,FY,FZ",
        help="one factor refines in-plane, three name the array axes; 1 denoises (default: 2)",
    )
    size.add_argument(
        "--spacing", type=_numbers, default=None, metavar="X,Y,Z", help="voxel size in mm to reach, per array axis"
    )
    command.add_argument(
        "--sigma", default="auto", help="noise standard deviation in the scan's units (default: estimated)"
    )
    command.add_argument("--gaussian", action="store_true", help="the noise is Gaussian, not Rician")
    command.add_argument(
        "--steps",
        type=int,
        default=None,
        help="of the method coordinates: refinement steps at most; 0 is the closed-form solve alone",
    )
    text = "steps by which the general network learns from the scan's own noise; 0 for none (default: up to 100)"
    command.add_argument("--adapt", type=int, default=None, metavar="N", help=text)
    command.add_argument(
        "--method",
        choices=("auto", "amortised", "plug_and_play", "coordinates"),
        default="auto",
        help="one pass of the detail prior, the detail prior as a denoiser, or a fit of the coordinate prior",
    )
    command.add_argument(
        "--profile",
        choices=("box", "gaussian", "kspace"),
        default="box",
        help="what a measured voxel is: an average, a weighted one, or cut-off k-space (default: box)",
    )
    command.add_argument(
        "--thickness", type=float, default=None, metavar="MM", help="slice thickness where slices have gaps or overlap"
    )
    command.add_argument(
        "--volume",
        type=int,
        default=None,
        metavar="K",
        help="the volume that is meant where a series or a 4-D file holds several: an echo, a time, a direction",
    )
    command.add_argument(
        "--form",
        choices=("sform", "qform"),
        default=None,
        help="the affine of a NIfTI file that counts where its two disagree; the other is kept (default: the sform)",
    )
    command.add_argument("--std", action="store_true", help="also write the standard deviation of every voxel")
    command.add_argument("--shard", default=None, metavar="K/N", help="restore only this share of many scans")


def _learning(command: Any, steps: str = "--steps") -> None:
    """The options of every pretraining."""
    command.add_argument(
        "--kind",
        choices=("cohort", "meta", "noise"),
        default="cohort",
        help="an encoder that scans share, a start for all layers of the network, or an encoder of 1/f noise",
    )
    command.add_argument(
        "--images", type=int, default=None, help="use only the first so many scans, or so many of noise"
    )
    command.add_argument(
        "--recipe",
        choices=("cohort", "paper"),
        default=None,
        help="'paper': 10 images, 5,000 full-batch steps, one trained head each (default: 'cohort'; meta has its own)",
    )
    command.add_argument(
        steps, dest="pretrain_steps", type=int, default=None, metavar="N", help="gradient steps (default: the recipe's)"
    )
    command.add_argument(
        "--detail-steps",
        type=int,
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
        type=_numbers,
        default=None,
        metavar="S,H,W",
        help="slices, rows and columns of the common grid (default: 96,152,200)",
    )
    command.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    command.add_argument("--tensorboard", action="store_true", help="write curves to the bundle's folder runs")


def _shared(command: argparse.ArgumentParser, prior: bool = True) -> None:
    if prior:
        command.add_argument(
            "--prior",
            type=Path,
            default=None,
            metavar="BUNDLE",
            help="bundle folder (default: the one that comes with the package)",
        )
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--overwrite", action="store_true", help="replace outputs that are there")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers") from error


def _words(text: str) -> list[str]:
    return text.split(",")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser().parse_args(words)
    except SystemExit as leaving:  # BIDS Apps leave with 64 where the command line is wrong
        raise SystemExit(64 if leaving.code == 2 and words[:1] == ["bids"] else leaving.code) from None
    try:
        code = args.run(args)
    except (InputError, OSError) as error:
        print(f"monai-strainer: {disk_error(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("monai-strainer: interrupted", file=sys.stderr)
        return 130
    return int(code or 0)
