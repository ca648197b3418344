# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore from file to file: read a scan, restore it, write the result with its record and its page."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..io import read, require_map, write
from ..priors.prior import Prior
from ..reporting.html import RunFacts, page_of
from ..restoring.options import RestoreOptions
from ..restoring.plan import Plan
from ..restoring.restore import Restored, plan, restore
from ..volume import Volume
from .command_text import command_text

__all__ = ["FileOptions", "Outputs", "plan_file", "restore_file", "scale_of"]


@dataclass(frozen=True)
class FileOptions:
    """How scans are read and restored.

    Args:
        scale: one factor, or one per array axis.
        spacing: voxel size in mm to reach per array axis; goes before ``scale``.
        restore: options of the restoration.
        series_uid: of the DICOM series that is meant.
        volume: the one that is meant, from 1, where a series or a 4-D file holds several.
        form: the affine of a NIfTI file that counts, where its two disagree.
    """

    scale: tuple[float, ...] = (2.0,)
    spacing: tuple[float, ...] | None = None
    restore: RestoreOptions = field(default_factory=RestoreOptions)
    series_uid: str | None = None
    volume: int | None = None
    form: Literal["sform", "qform"] | None = None

    def configuration(self, prior: Prior) -> dict[str, Any]:
        """Return what decides the result: the options and the prior. A series is named by a hash, as patients' data."""
        series = self.series_uid and hashlib.sha256(self.series_uid.encode()).hexdigest()[:12]
        general = {} if prior.general is None else {"general_sha256": prior.general.digest}
        own = {"scale": self.scale, "spacing": self.spacing, "volume": self.volume, "form": self.form}
        return {**own, **self.restore.plain(), "series_uid": series, "prior_sha256": prior.digest, **general}


@dataclass(frozen=True)
class Outputs:
    """What is written beside the restored scan.

    Args:
        std: the standard deviation.
        report: the JSON record and the page.
        overwrite: replace what is there.
        extra: goes into the record.
        sidecar: see :func:`monai_strainer.write`; the resolution of the result is added.
        findings: what is known to be wrong with what lies beside the scan; the report holds it.
        parametric_map: of a DICOM series, the standard deviation is one Parametric Map.
    """

    std: bool = False
    report: bool = False
    overwrite: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    sidecar: Mapping[str, Any] | None = None
    findings: Sequence[str] = ()
    parametric_map: bool = False


def scale_of(have: Sequence[float], wanted: Sequence[float]) -> tuple[float, ...]:
    """Factors from one spacing in mm to another; an axis that is finer already is left as it is.

    Raises:
        InputError: not one number per array axis.

    Example:
        >>> scale_of((1.0, 1.0, 5.0), (2.0, 1.0, 1.0))
        (1.0, 1.0, 5.0)
    """
    if len(wanted) != 3:
        raise InputError(f"a spacing of {len(wanted)} numbers", "give one per array axis: --spacing 1,1,1")
    return tuple(max(1.0, a / b) if b > 0 else 0.0 for a, b in zip(have, wanted))


def _notes(scan: Volume, options: FileOptions) -> list[str]:
    """List the parts of the options that could not be done."""
    if not options.spacing:
        return []
    have = scan.grid.spacing.tolist()
    return [
        f"along array axis {k} the voxels of {a:.4g} mm are finer than the {b:.4g} mm asked for already, and are kept"
        for k, (a, b) in enumerate(zip(have, options.spacing))
        if a < 0.999 * b
    ]


def _resolution(scan: Volume, out: Volume) -> dict[str, str]:
    """Return what a BIDS sidecar says of voxels that are finer than those of the source."""
    if out.grid.shape == scan.grid.shape:
        return {}
    made, had = (" x ".join(f"{edge:.4g}" for edge in volume.grid.spacing) for volume in (out, scan))
    return {"Resolution": f"voxels of {made} mm, made from voxels of {had} mm"}


def restore_file(
    source: Path,
    target: Path,
    prior: Prior,
    options: FileOptions,
    outputs: Outputs | None = None,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Restore one scan from a file, or a DICOM folder, to another.

    Args:
        source: NIfTI file, DICOM file or folder.
        target: NIfTI file or DICOM folder.
        prior: of the cohort.
        options: how.
        outputs: what is written beside the scan; nothing by default.
        device: where to compute.
        progress: called with the slices done and their total.

    Returns:
        the report.

    Raises:
        InputError: see ``read``, ``restore`` and ``write``.
    """
    outputs, start = outputs or Outputs(), time.perf_counter()
    if outputs.parametric_map:
        require_map(target)
    scan, scale = _read(source, options)
    try:
        out = restore(scan, prior, scale, options=options.restore, device=device, progress=progress)
    except InputError as error:
        raise _of_file(error, source) from error
    details = out.details.after(*outputs.findings, *_notes(scan, options))
    # a page that says how long it took is another one each time
    seconds = None if "SOURCE_DATE_EPOCH" in os.environ else time.perf_counter() - start
    run = RunFacts(command_text(source, target, prior, options, outputs), seconds, device)
    report = {**details.as_dict(), "configuration": options.configuration(prior), **outputs.extra}
    sidecar = outputs.sidecar
    write(
        out.volume,
        target,
        report=report if outputs.report else None,
        std=out.std if outputs.std or outputs.parametric_map else None,
        page=_page(scan, replace(out, details=details), run) if outputs.report else None,
        sidecar=None if sidecar is None else {**sidecar, **_resolution(scan, out.volume)},
        overwrite=outputs.overwrite,
        parametric_map=outputs.parametric_map,
    )
    return report


def _page(scan: Volume, out: Restored, run: RunFacts) -> str:
    return page_of(scan, out.volume, out.std, out.details, network_weight=out.network_weight, run=run)


def plan_file(source: Path, prior: Prior, options: FileOptions) -> Plan:
    """Plan what :func:`restore_file` would do, without restoring or writing.

    Args:
        source, prior, options: see :func:`restore_file`.

    Raises:
        InputError: see ``read`` and ``restore``.
    """
    scan, scale = _read(source, options)
    try:
        return plan(scan, prior, scale, options=options.restore)
    except InputError as error:
        raise _of_file(error, source) from error


def _read(source: Path, options: FileOptions) -> tuple[Volume, tuple[float, ...]]:
    """Read the scan that is meant, and return it with the factors to refine it by."""
    scan = read(source, series_uid=options.series_uid, volume=options.volume, form=options.form)
    return scan, scale_of(scan.grid.spacing.tolist(), options.spacing) if options.spacing else options.scale


def _of_file(error: InputError, source: Path) -> InputError:
    """Return the same error with the name of the file."""
    return InputError(error.finding, error.remedy, error.file or (source if source.is_file() else None))
