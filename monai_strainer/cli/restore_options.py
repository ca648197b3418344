# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Add the commands that restore: ``restore`` and ``bids``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._version import __version__
from . import restore
from .limits import FROM_ZERO
from .options import learning, new_command, restoring, shared

__all__ = ["add_bids", "add_restore"]

_BOTH = ("contrast", "scale", "spacing", "form")  # attributes of options that concern both levels of a BIDS App


def add_restore(commands: Any) -> None:
    """Add ``restore``."""
    text = "restore one scan, several, or every scan of a folder"
    takes = (
        "A head of 1 mm takes about 50 s of one CPU core to denoise; a run says how long it takes after its first scan."
    )
    command = new_command(commands, "restore", restore.restore, text, takes)
    command.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="IN",
        help="NIfTI files (3-D, or 4-D: every volume), DICOM files or folders, patterns such as 'sub-*/*T1w.nii.gz', "
        "a folder of NIfTI files, or a manifest.tsv",
    )
    command.add_argument(
        "output", type=Path, metavar="OUT", help="NIfTI file to write; a folder for DICOM or for many scans"
    )
    restoring(command)
    command.add_argument(
        "--with",
        dest="guides",
        type=Path,
        action="append",
        metavar="FILE",
        help="another contrast of the same person, sharp where this scan has thick slices; once for each (default "
        "size with it: isotropic voxels)",
    )
    command.add_argument(
        "--residual", action="store_true", help="denoising: also write what was removed, the scan minus the result"
    )
    command.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="restore only where this image is above 0; the figures of the report are those inside, and outside the "
        "scan stays as it is; a folder holds masks of the scans' names",
    )
    command.add_argument("--write-mask", action="store_true", help="also write the foreground of the result as a mask")
    command.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="take a label map of the scan to the grid of the result; a folder holds label maps of the scans' names",
    )
    command.add_argument("--json", action="store_true", help="print a line of JSON for each scan, and nothing else")
    command.add_argument(
        "--report", action="store_true", help="also write the JSON record of what was done, and a page"
    )
    command.add_argument(
        "--parametric-map",
        action="store_true",
        help="DICOM: write the standard deviation as one Parametric Map (needs highdicom)",
    )
    command.add_argument(
        "--enhanced",
        action="store_true",
        help="DICOM: write an Enhanced MR file in place of classic images; the source has to be Enhanced MR",
    )
    command.add_argument("--series-uid", default=None, metavar="UID", help="the DICOM series that is meant")
    shared(command)


def add_bids(commands: Any) -> None:
    """Add ``bids``, a BIDS App."""
    command = new_command(commands, "bids", restore.bids, "restore a BIDS dataset, or pretrain on it (BIDS App)")
    command.add_argument("input", type=Path, metavar="BIDS_DIR", help="raw dataset")
    command.add_argument("output", type=Path, metavar="OUT_DIR", help="folder of the derivatives")
    command.add_argument(
        "analysis_level",
        choices=("participant", "group"),
        help="participant restores every scan; group learns a prior from all and tables what was restored",
    )
    for name, text in (("participant", "sub-"), ("session", "ses-")):
        command.add_argument(
            f"--{name}-label",
            f"--{name}_label",
            nargs="+",
            default=[],
            metavar="LABEL",
            help=f"only these, with {text} or without",
        )
    command.add_argument(
        "--bids-filter-file",
        "--bids_filter_file",
        type=Path,
        default=None,
        metavar="FILE",
        help='JSON of entities that scans must have: {"t1w": {"acquisition": "mprage"}}',
    )
    command.add_argument("-w", "--work-dir", type=Path, default=None, help="accepted and not needed")
    command.add_argument("--nprocs", "--n-cpus", type=FROM_ZERO, default=None, help="threads to compute with")
    command.add_argument(
        "--skip-bids-validation", "--skip_bids_validation", action="store_true", help="accepted: none is done here"
    )
    command.add_argument("--version", action="version", version=f"monai_strainer {__version__}")
    group = command.add_argument_group("of group")
    learns = _added(command, lambda: learning(group, steps="--pretrain-steps"))
    restores = _added(command, lambda: restoring(command))
    command.set_defaults(idle={"participant": learns, "group": restores})
    shared(command)


def _added(command: Any, add: Callable[[], None]) -> dict[str, tuple[str, Any]]:
    """Add options that concern one level; return their attributes, each with the name of the option and the default."""
    before = len(command._actions)
    add()
    added: dict[str, tuple[str, Any]] = {}
    for action in command._actions[before:]:
        if action.dest not in _BOTH:
            added.setdefault(action.dest, (action.option_strings[0], action.default))  # a short form comes later
    return added
