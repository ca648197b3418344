# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fuse from files to a file: read the stacks, fuse them, write the volume with its record and its page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..fusing.fuse import fuse
from ..fusing.options import FuseOptions
from ..geometry import Grid
from ..io import Attached, is_image, is_nifti, read, write
from ..io.nifti.outline import outline_of
from ..priors.prior import Prior
from ..reporting.fused_page import fused_page
from ..reporting.html import RunFacts
from ..restoring.options import declared
from ..volume import Volume
from .command_text import fuse_text
from .file_options import Outputs
from .stack_files import StackFiles

__all__ = ["fuse_files"]


def fuse_files(
    files: StackFiles,
    target: Path,
    prior: Prior,
    options: FuseOptions,
    outputs: Outputs | None = None,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Fuse stacks from files, or DICOM folders, to one volume; its record is always written.

    Args:
        files: two stacks or more; the first gives the units and the kind of the result, and its axes where no image
            is named whose grid it has.
        target: NIfTI file or DICOM folder.
        prior: to restore with.
        options: how.
        outputs: what else is written: ``std``, and with ``report`` the page; ``overwrite``.
        device: where the networks compute.
        progress: called with the parts done and their number.

    Returns:
        the report, which is written as the record of the volume.

    Raises:
        InputError: see ``read``, ``fuse`` and ``write``.
    """
    start, outputs = time.perf_counter(), outputs or Outputs()
    stacks = files.read()
    if files.like is not None:
        options = replace(options, like=_grid_of(files.like, stacks[0], target))
    out = fuse(stacks, prior, options=options, device=device, progress=progress)
    grid = None if options.like is None else {"shape": options.like.shape, "affine": options.like.affine.tolist()}
    configuration = {name: getattr(options, name) for name in declared(FuseOptions)} | {"like": grid}
    report = {**out.report, "inputs": [path.name for path in files.paths], "prior_sha256": prior.digest}
    report |= {"configuration": configuration | files.record()}
    page = None
    if outputs.report:
        command = fuse_text(files, target, prior, options, outputs)
        page = fused_page(stacks, out, run=RunFacts.since(start, command, device))
    std = out.std if outputs.std else None
    attached = Attached(page=page)
    write(
        out.volume, target, report=report, std=std, attached=attached, inputs=files.inputs, overwrite=outputs.overwrite
    )
    return report


def _grid_of(like: Path, first: Volume, target: Path) -> Grid:
    """Return the grid of an image; of a NIfTI file the header is enough.

    Raises:
        InputError: it cannot be read; a DICOM series would have other axes than its source.
    """
    outline = outline_of(like) if like.is_file() and is_nifti(like) else None
    grid = read(like).grid if outline is None else outline.grid
    turned = np.abs(grid.affine[:3, :3] / grid.spacing - first.grid.affine[:3, :3] / first.grid.spacing).max()
    if not is_image(target) and turned > 1e-3:
        raise InputError("a DICOM series keeps the directions of the first stack", "name a .nii.gz file", target)
    return grid
