# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoise an image file as ANTs' ``DenoiseImage`` does: 2-D, 3-D or 4-D, in a mask, with an image of the noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, disk_error
from ..io import read_volumes
from ..io.formats import require_format
from ..io.nifti.outline import outline_of
from ..io.nifti.write import opened
from ..priors.prior import Prior
from ..restoring.options import RestoreOptions
from ..restoring.restore import restore
from ..storage.atomic import atomic_files
from ..volume import Volume
from .beside_scan import read_mask

__all__ = ["DenoiseRequest", "denoise_image"]


@dataclass(frozen=True)
class DenoiseRequest:
    """Which image is denoised, and where the results go.

    Args:
        source: image file.
        target: denoised image to write.
        noise_target: image of ``source - target`` to write; None for none.
        mask: image file of the grid of the source; voxels where it is not above zero keep their values.
        dimensions: 2, 3 or 4 axes that the image is said to have; None takes those of the file.
        overwrite: replace outputs that are there. The source and the mask are never replaced.
    """

    source: Path
    target: Path
    noise_target: Path | None = None
    mask: Path | None = None
    dimensions: int | None = None
    overwrite: bool = False

    @property
    def targets(self) -> list[Path]:
        """The files that are written."""
        return [self.target, *([self.noise_target] if self.noise_target is not None else [])]


def denoise_image(
    request: DenoiseRequest,
    prior: Prior,
    options: RestoreOptions | None = None,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Denoise an image file; every volume of a 4-D image is denoised on its own, with its own noise level.

    Args:
        request: input, outputs, mask and dimensions.
        prior: to denoise with.
        options: of the restoration.
        device: where to compute.
        progress: called with the slices done and their total.

    Returns:
        the report of every volume.

    Raises:
        InputError: see ``read`` and ``restore``; an output that is there or is an input; a mask of another grid; an
            image of other dimensions than those that were given.

    Example:
        >>> import tempfile
        >>> from monai_strainer import Grid, read, write
        >>> from monai_strainer.priors.prior import Prior
        >>> folder = Path(tempfile.mkdtemp())
        >>> data = np.random.default_rng(0).normal(500, 20, (12, 12, 2))
        >>> write(Volume(data, Grid((12, 12, 2), np.eye(4))), folder / "in.nii.gz")
        >>> request = DenoiseRequest(folder / "in.nii.gz", folder / "out.nii.gz", folder / "noise.nii.gz")
        >>> reports = denoise_image(request, Prior.cold(hidden_channels=8), RestoreOptions(steps=0))
        >>> out, noise = read(folder / "out.nii.gz"), read(folder / "noise.nii.gz")
        >>> np.allclose(out.data + noise.data, data, atol=1e-3)
        True
    """
    _refuse_targets(request)
    count = _volumes_of(request)
    reports: list[dict[str, Any]] = []

    def images() -> Iterator[tuple[Volume, Volume]]:
        scans, mask = read_volumes(request.source), None
        for number in range(count):
            scan = next(scans)
            _refuse_dimensions(request, scan)
            if mask is None and request.mask is not None:
                mask = read_mask(request.mask, scan, request.source)

            def on_done(done: int, total: int, before: int = number) -> None:
                if progress is not None:
                    progress(before * total + done, count * total)

            try:
                out = restore(scan, prior, 1, options=options, device=device, progress=on_done)
            except InputError as error:
                where = f"volume {number + 1}: " if count > 1 else ""
                raise InputError(f"{where}{error.finding}", error.remedy, error.file or request.source) from error
            data = out.volume.data if mask is None else np.where(mask, out.volume.data, scan.data)
            pair = replace(scan, data=data), replace(scan, data=scan.data - data)
            reports.append(out.report)
            del scan, out, data  # one volume at a time is in memory
            yield pair
            del pair

    _write(request, images(), count)
    return reports


def _refuse_targets(request: DenoiseRequest) -> None:
    """Refuse, before anything is computed, outputs that cannot be written or must not be replaced."""
    require_format(request.source)
    targets, sources = request.targets, [request.source, *([request.mask] if request.mask is not None else [])]
    if len({target.resolve() for target in targets}) < len(targets):
        raise InputError("the denoised image and the noise have one name", "give two names", request.target)
    for target in targets:
        require_format(target)
        if any(target.resolve() == one.resolve() or _is_same(target, one) for one in sources):
            raise InputError("the output is the input itself, which is never replaced", "choose another name", target)
        if target.is_dir():
            raise InputError("there is a folder of this name", "choose another name", target)
        if not request.overwrite and (target.exists() or target.is_symlink()):
            raise InputError("the output exists already", "pass --overwrite or choose another name", target)


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _volumes_of(request: DenoiseRequest) -> int:
    """Return the number of volumes of the source; only NIfTI files hold several here."""
    outline = outline_of(request.source)
    count = 1 if outline is None else outline.volumes  # what cannot be understood is refused by ``read``
    if count > 1 and request.dimensions not in (None, 4):
        raise InputError(
            f"the image holds {count} volumes, and {request.dimensions} dimensions were given",
            "pass -d 4 to denoise every volume, or split the file",
            request.source,
        )
    for target in request.targets if count > 1 else ():
        if require_format(target).name != "NIfTI":
            raise InputError("several volumes are written to NIfTI files only", "let it end in .nii.gz", target)
    return count


def _refuse_dimensions(request: DenoiseRequest, scan: Volume) -> None:
    """Refuse a volume that is called an image of two dimensions: only one of its slices would be meant."""
    if request.dimensions == 2 and min(scan.grid.shape) > 1:
        raise InputError(
            f"the image has the shape {scan.grid.shape}, and 2 dimensions were given", "pass -d 3", request.source
        )


def _write(request: DenoiseRequest, images: Iterator[tuple[Volume, Volume]], count: int) -> None:
    """Write the denoised image and the noise, volume by volume, both or neither."""
    targets = request.targets
    try:
        with atomic_files(targets) as hidden, ExitStack() as leaving:
            if count == 1:
                for target, temporary, image in zip(targets, hidden, next(images)):
                    require_format(target).write(image, temporary)
                return
            appends: list[Callable[[NDArray[Any]], None]] = []
            for pair in images:
                if not appends:
                    files = [opened(image, temporary, others=(count,)) for image, temporary in zip(pair, hidden)]
                    appends = [leaving.enter_context(file) for file in files]
                for append, image in zip(appends, pair):
                    append(image.data)
                del pair, image
    except OSError as error:
        raise disk_error(error, file=request.target) from error
