# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore from a file with the files of other contrasts: read them, restore, write the result with its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..fusing.contrasts import restore_with
from ..io import read, write
from ..priors.prior import Prior
from ..volume import Volume
from .file_options import FileOptions, Outputs, read_scan, scale_of

__all__ = ["restore_with_files"]


def restore_with_files(
    source: Path,
    guides: Sequence[Path],
    target: Path,
    prior: Prior,
    options: FileOptions,
    outputs: Outputs | None = None,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Restore one scan of thick slices with other contrasts of the person.

    Args:
        source: NIfTI file, DICOM file or folder.
        guides: the other contrasts, one or more.
        target: NIfTI file or DICOM folder.
        prior: to restore with.
        options: how; a spacing that is empty, ``()``, makes voxels as short as the shortest edge of the scan.
        outputs: what is written beside the scan: ``std``, ``report``, ``overwrite``.
        device: where the networks compute.
        progress: called with the slices done and their total, of the restoration of the scan.

    Returns:
        the report.

    Raises:
        InputError: see ``read``, ``restore_with`` and ``write``; the scan as its own guide.
    """
    outputs = outputs or Outputs()
    if source.resolve() in [one.resolve() for one in guides]:
        raise InputError("the scan and the other contrast are one file", "name another contrast after --with", source)
    scan, scale = read_scan(source, options)
    if options.spacing == ():
        have = scan.grid.spacing.tolist()
        scale = scale_of(have, [min(have)] * 3)
    others = [_guide(one) for one in guides]
    out = restore_with(scan, others, prior, scale, options=options.restore, device=device, progress=progress)
    report = {
        **out.details.as_dict(),
        "inputs": [one.name for one in (source, *guides)],
        "configuration": options.configuration(prior),
    }
    write(
        out.volume,
        target,
        report=report if outputs.report else None,
        std=out.std if outputs.std else None,
        inputs=[source, *guides],
        overwrite=outputs.overwrite,
    )
    return report


def _guide(path: Path) -> Volume:
    """Read another contrast; options that choose a volume or a series are those of the scan."""
    try:
        return read(path, warn=False)
    except InputError as error:
        if "--" in error.remedy:
            raise InputError(error.finding, "pass a file of one volume after --with", error.file) from error
        raise
