# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""From file to file: read a scan, restore it as the options say, and write the result with all that belongs to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..io import read, write
from ..physics import GaussianNoise, Profile, RicianNoise
from ..priors.prior import Prior
from ..reporting.html import page_of
from ..restoring.restore import restore
from ..volume import Volume

__all__ = ["Options", "restore_file", "scale_of"]


@dataclass(frozen=True)
class Options:
    """How scans are restored; see :func:`monai_strainer.restore`.

    Args:
        scale: one factor, or one per array axis.
        spacing: voxel size in mm to reach per array axis; goes before ``scale``.
        sigma: noise level in the scan's units; None estimates it.
        gaussian: the noise is Gaussian, not Rician.
        profile: of the measured voxels.
        thickness: of the slices in mm; by default what a DICOM header says, else the step between them.
        method, steps, adapt, seed: as of ``restore``.
        series_uid: of the DICOM series that is meant.
        volume: the one that is meant, from 1, where a series or a 4-D file holds several.
        form: the affine of a NIfTI file that counts, where its two disagree.
    """

    scale: tuple[float, ...] = (2.0,)
    spacing: tuple[float, ...] | None = None
    sigma: float | None = None
    gaussian: bool = False
    profile: Literal["box", "gaussian", "kspace"] = "box"
    thickness: float | None = None
    method: str = "auto"
    steps: int | None = None
    adapt: int | None = None
    seed: int = 0
    series_uid: str | None = None
    volume: int | None = None
    form: Literal["sform", "qform"] | None = None

    def configuration(self, prior: Prior) -> dict[str, Any]:
        """What decides about the result: the options and the prior. The series is told by a hash, as patients' data."""
        series = self.series_uid and hashlib.sha256(self.series_uid.encode()).hexdigest()[:12]
        general = {} if prior.general is None else {"general_sha256": prior.general.digest}
        return {**asdict(self), "series_uid": series, "prior_sha256": prior.digest, **general}


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


def _notes(scan: Volume, options: Options) -> list[str]:
    """What of the options could not be done."""
    if not options.spacing:
        return []
    have = scan.grid.spacing.tolist()
    return [
        f"along array axis {k} the voxels of {a:.4g} mm are finer than the {b:.4g} mm asked for already, and are kept"
        for k, (a, b) in enumerate(zip(have, options.spacing))
        if a < 0.999 * b
    ]


def _resolution(scan: Volume, out: Volume) -> dict[str, str]:
    """What a BIDS sidecar says of voxels that are finer than those of the source."""
    if out.grid.shape == scan.grid.shape:
        return {}
    made, had = (" x ".join(f"{edge:.4g}" for edge in volume.grid.spacing) for volume in (out, scan))
    return {"Resolution": f"voxels of {made} mm, made from voxels of {had} mm"}


def restore_file(
    source: Path,
    target: Path,
    prior: Prior,
    options: Options,
    *,
    device: str = "cpu",
    with_std: bool = False,
    with_report: bool = False,
    overwrite: bool = False,
    extra: Mapping[str, Any] | None = None,
    sidecar: Mapping[str, Any] | None = None,
    findings: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Restore one scan from a file, or a DICOM folder, to another.

    Args:
        source: NIfTI file, DICOM file or folder.
        target: NIfTI file or DICOM folder.
        prior: of the cohort.
        options: how.
        device: where to compute.
        with_std: write the standard deviation as well.
        with_report: write the JSON record and the page as well.
        overwrite: replace what is there.
        extra: goes into the record.
        sidecar: see :func:`monai_strainer.write`; it is told the resolution of the result.
        findings: what is known to be wrong with what lies beside the scan; the report tells it.
        progress: called with the slices done and their total.

    Returns:
        the report.

    Raises:
        InputError: see ``read``, ``restore`` and ``write``.
    """
    scan = read(source, series_uid=options.series_uid, volume=options.volume, form=options.form)
    scale = scale_of(scan.grid.spacing.tolist(), options.spacing) if options.spacing else options.scale
    try:
        out = restore(
            scan,
            prior,
            scale,
            sigma=options.sigma,
            noise=GaussianNoise if options.gaussian else RicianNoise,
            operator=Profile(options.profile),
            thickness=options.thickness,
            method=options.method,
            steps=options.steps,
            adapt=options.adapt,
            seed=options.seed,
            device=device,
            progress=progress,
        )
    except InputError as error:
        raise InputError(error.finding, error.remedy, error.file or (source if source.is_file() else None)) from error
    report = {**out.report, "configuration": options.configuration(prior), **(extra or {})}
    report["warnings"] = [*findings, *_notes(scan, options), *report["warnings"]]
    write(
        out.volume,
        target,
        report=report if with_report else None,
        std=out.std if with_std else None,
        page=page_of(scan, out.volume, out.std, report) if with_report else None,
        sidecar=None if sidecar is None else {**sidecar, **_resolution(scan, out.volume)},
        overwrite=overwrite,
    )
    return report
