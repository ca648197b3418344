# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fuse from files to a file: read the stacks, fuse them, write the volume with its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..fusing import FuseOptions, fuse
from ..io import read, write
from ..priors.prior import Prior

__all__ = ["fuse_files"]


def fuse_files(
    sources: Sequence[Path],
    target: Path,
    prior: Prior,
    options: FuseOptions,
    *,
    std: bool = False,
    overwrite: bool = False,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Fuse stacks from files, or DICOM folders, to one volume.

    Args:
        sources: two or more; the first gives the axes, the units and the kind of the result.
        target: NIfTI file or DICOM folder.
        prior: to restore with.
        options: how.
        std: also write the standard deviation.
        overwrite: replace what is there.
        device: where the networks compute.
        progress: called with the parts done and their number.

    Returns:
        the report, which is written as the record of the volume.

    Raises:
        InputError: see ``read``, ``fuse`` and ``write``; the same file twice.
    """
    paths = [source.resolve() for source in sources]
    if len(set(paths)) < len(paths):
        raise InputError("a stack was given twice", "pass every stack once")
    out = fuse([read(source) for source in sources], prior, options=options, device=device, progress=progress)
    report = {**out.details.as_dict(), "inputs": [source.name for source in sources], "prior_sha256": prior.digest}
    write(out.volume, target, report=report, std=out.std if std else None, overwrite=overwrite)
    return report
