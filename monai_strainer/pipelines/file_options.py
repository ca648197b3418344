# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say how scans are read from files and restored, and what is written beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..io import is_nifti, read, read_volumes
from ..priors.prior import Prior
from ..restoring.options import RestoreOptions
from ..volume import Volume
from .batch import digest_of

__all__ = ["FileOptions", "Outputs", "factors_of", "read_scan", "read_scans", "scale_of"]


@dataclass(frozen=True)
class FileOptions:
    """How scans are read and restored.

    Args:
        scale: one factor, or one per array axis.
        spacing: voxel size in mm to reach per array axis; goes before ``scale``.
        restore: options of the restoration.
        series_uid: of the DICOM series that is meant.
        volume: the one that is meant, from 1, where a series or a 4-D file holds several; by default all of a 4-D
            NIfTI file.
        form: the affine of a NIfTI file that counts, where its two disagree.
        mask: image, or a folder of images of the scans' names: only what is above 0 is restored.
    """

    scale: tuple[float, ...] = (2.0,)
    spacing: tuple[float, ...] | None = None
    restore: RestoreOptions = field(default_factory=RestoreOptions)
    series_uid: str | None = None
    volume: int | None = None
    form: Literal["sform", "qform"] | None = None
    mask: Path | None = None

    def configuration(self, prior: Prior) -> dict[str, Any]:
        """Return what decides the result: the options and the prior. A series is named by a hash, as patients' data."""
        series = self.series_uid and hashlib.sha256(self.series_uid.encode()).hexdigest()[:12]
        general = {} if prior.general is None else {"general_sha256": prior.general.digest}
        own: dict[str, Any] = {"scale": self.scale, "spacing": self.spacing, "volume": self.volume, "form": self.form}
        own |= {} if self.mask is None else {"mask_sha256": self._mask_sha256}
        return {**own, **self.restore.plain(), "series_uid": series, "prior_sha256": prior.digest, **general}

    @cached_property
    def _mask_sha256(self) -> str:
        return "" if self.mask is None else _digest(self.mask, "mask")


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
        residual: what was removed, the scan minus the result; of denoising alone.
        mask: the foreground of the result.
        labels: label map, or a folder of label maps of the scans' names, to take to the grid of the result.
        parametric_map: of a DICOM series, the standard deviation is one Parametric Map.
        enhanced: of an Enhanced MR source, every series is one Enhanced MR file.
    """

    std: bool = False
    report: bool = False
    overwrite: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    sidecar: Mapping[str, Any] | None = None
    findings: Sequence[str] = ()
    residual: bool = False
    mask: bool = False
    labels: Path | None = None
    parametric_map: bool = False
    enhanced: bool = False

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of the names of the maps that are written."""
        wanted = {
            "std": self.std or self.parametric_map,
            "residual": self.residual,
            "mask": self.mask,
            "labels": self.labels is not None,
        }
        return tuple(ending for ending, is_wanted in wanted.items() if is_wanted)

    def configuration(self) -> dict[str, Any]:
        """Return what decides which files there are; maps that are not asked for are left out."""
        own: dict[str, Any] = {"std": self.std}
        own |= {name: True for name in ("residual", "mask") if getattr(self, name)}
        return own | ({} if self.labels is None else {"labels_sha256": _digest(self.labels, "label map")})


def read_scan(source: Path, options: FileOptions) -> tuple[Volume, tuple[float, ...]]:
    """Read the scan that is meant.

    Args:
        source: file or DICOM folder.
        options: choose series, volume and affine, and the factors.

    Returns:
        the scan, and the factors to refine it by.

    Raises:
        InputError: see :func:`monai_strainer.read`; a spacing that is not one number per axis.
    """
    scan = read(source, series_uid=options.series_uid, volume=options.volume, form=options.form, warn=False)
    return scan, factors_of(scan, options)


def factors_of(scan: Volume, options: FileOptions) -> tuple[float, ...]:
    """Return the factors that options ask for.

    Args:
        scan: whose spacing counts.
        options: with a scale, or a spacing in mm to reach.
    """
    return scale_of(scan.grid.spacing.tolist(), options.spacing) if options.spacing else options.scale


def read_scans(source: Path, options: FileOptions) -> Iterator[tuple[Volume, tuple[float, ...]]]:
    """Read the scan that is meant; of a 4-D NIfTI file all volumes, one after the other, in one pass.

    Args:
        source: image file, or DICOM file or folder.
        options: which scan or volume is meant, and the factors.

    Yields:
        a volume, and the factors to refine it by.

    Raises:
        InputError: see :func:`monai_strainer.io.read`.
    """
    if options.volume is not None or source.is_dir() or not is_nifti(source):
        yield read_scan(source, options)
        return
    for scan in read_volumes(source, form=options.form, warn=False):
        pair = scan, factors_of(scan, options)
        del scan
        yield pair
        del pair  # one volume at a time is in memory


def _digest(path: Path, what: str) -> str:
    try:
        return digest_of(path)
    except OSError as error:
        raise InputError(f"the {what} cannot be read", "check the path and the rights", path) from error


def scale_of(have: Sequence[float], wanted: Sequence[float]) -> tuple[float, ...]:
    """Return the factors from one spacing to another; an axis that is finer already is left as it is.

    Args:
        have: spacing in mm per array axis.
        wanted: spacing in mm per array axis.

    Raises:
        InputError: not one number per array axis.

    Example:
        >>> scale_of((1.0, 1.0, 5.0), (2.0, 1.0, 1.0))
        (1.0, 1.0, 5.0)
    """
    if len(wanted) != 3:
        raise InputError(f"a spacing of {len(wanted)} numbers", "give one per array axis: --spacing 1,1,1")
    return tuple(max(1.0, a / b) if b > 0 else 0.0 for a, b in zip(have, wanted))
