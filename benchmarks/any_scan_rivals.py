# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a measured slab with what others have: interpolation on any axes, and denoisers.

- `cubic`, `sinc`, `back_projection`: on whichever axes the operator acts, with that operator given.
- `non_local_means`: scikit-image on variance-stabilised data, bandwidth and patch chosen on training volumes.
- `ants`: ANTs' DenoiseImage for Rician noise, slice by slice; it takes no level and finds its own.
- `ndsafir`, `bm4d`, `bm3d`: variance-stabilised, with the exact unbiased inverse; ND-SAFIR and BM4D on the slab.

Denoisers see the object's box and 16 voxels around it, since the object alone is judged and they look no further. Where
a task asks for both, they denoise what was measured, and back-projection follows. Their packages come with
python -m pip install bm3d bm4d dipy scikit-image antspyx ndsafir
BM3D and BM4D are free for non-commercial use only; the package itself needs none of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import rivals
import torch
from any_scan_tasks import Case, Task
from numpy.typing import NDArray
from rivals import ants, bm3d, bm4d, ndsafir
from scipy import ndimage

from monai_strainer.physics import KSpaceCrop, Separable

Image = NDArray[np.float32]
MARGIN = 16  # voxels around the object
BANDWIDTH = 0.7  # of non-local means, in deviations of the noise


def cubic_matrix(fine: int, measured: int) -> torch.Tensor:
    """(fine, measured): cubic spline interpolation along one axis that keeps the field of view."""
    index = (np.arange(fine) + 0.5) * measured / fine - 0.5
    columns = [ndimage.map_coordinates(unit, [index], order=3, mode="nearest") for unit in np.eye(measured)]
    return torch.from_numpy(np.stack(columns, axis=1))


def cubic(operator: Separable, y: Image) -> Image:
    """Cubic spline interpolation on every axis that the operator makes shorter."""
    return _spline(operator).A(torch.from_numpy(y)).numpy()


def _spline(operator: Separable) -> Separable:
    sizes = zip(operator.shape_in, operator.shape_out)
    return Separable([n if n == m else cubic_matrix(n, m) for n, m in sizes])


def back_projection(operator: Separable, y: Image, iterations: int = 30) -> Image:
    """Apply iterative back-projection, ``x <- x + cubic(y - A x)``; Irani and Peleg, CVGIP 53 (1991)."""
    spline, data = _spline(operator), torch.from_numpy(y)
    x = spline.A(data)
    for _ in range(iterations):
        x = x + spline.A(data - operator.A(x))
    return x.numpy()


def sinc(operator: Separable, y: Image) -> Image:
    """Zero-filled k-space."""
    factors = [n / m for n, m in zip(operator.shape_in, operator.shape_out)]
    return math.prod(factors) * KSpaceCrop(operator.shape_in, factors).adjoint(torch.from_numpy(y)).numpy()


def non_local_means(y: Image, sigma: float) -> Image:
    """Non-local means of scikit-image, slice by slice, on variance-stabilised data (S, H, W)."""
    from skimage.restoration import denoise_nl_means

    def means(z: NDArray[np.float64]) -> NDArray[np.float64]:
        options = {"patch_size": 5, "patch_distance": 6, "h": BANDWIDTH, "sigma": 1.0, "fast_mode": True}
        return np.stack([denoise_nl_means(image, **options) for image in z])

    return rivals.stabilised(means, y, sigma)


INTERPOLATIONS: dict[str, Callable[[Separable, Image], Image]] = {
    "cubic": cubic,
    "back_projection": back_projection,
    "sinc": sinc,
}
DENOISERS: dict[str, Callable[[Image, float], Image]] = {
    "ndsafir": ndsafir,
    "non_local_means": non_local_means,
    "ants": ants,
    "bm4d": bm4d,
    "bm3d": bm3d,
}


def box(case: Case) -> tuple[slice, ...]:
    """Return the object's box on the measured grid with a margin in-plane, and all slices."""
    found = []
    for k, (fine, measured) in enumerate(zip(case.operator.shape_in, case.operator.shape_out)):
        inside = np.flatnonzero(case.mask.any(axis=tuple(j for j in range(3) if j != k))) * measured / fine
        start, stop = max(0, int(inside[0]) - MARGIN), min(measured, int(inside[-1]) + 1 + MARGIN)
        found.append(slice(0, measured) if k == case.axis else slice(start, stop))
    return tuple(found)


def denoised(method: str, case: Case, sigma: float) -> Image:
    """Denoise the measured slab within the object's box."""
    out, where = case.low.data.copy(), box(case)
    slices = np.ascontiguousarray(np.moveaxis(out[where], case.axis, 0))
    out[where] = np.moveaxis(DENOISERS[method](slices, sigma), 0, case.axis)
    return out


def applies(method: str, task: Task) -> bool:
    """Return whether a method has something to do in a task."""
    if method == "input":
        return task.factor == 1
    if method in INTERPOLATIONS:
        return task.factor > 1
    return task.noise > 0 or method not in DENOISERS


def rival(method: str, case: Case, sigma: float) -> Image:
    """Restore the slab with one method.

    Args:
        method: `input`, an interpolation or a denoiser.
        case: what was measured.
        sigma: the level that denoisers are given.
    """
    if method == "input":
        return case.low.data
    if method in INTERPOLATIONS:
        return INTERPOLATIONS[method](case.operator, case.low.data)
    clean = denoised(method, case, sigma)
    return clean if case.is_denoising else back_projection(case.operator, clean)
