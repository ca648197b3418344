# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What others do with the same data. BM3D and BM4D are free for non-commercial use only; the package never needs them.

python -m pip install -c constraints.txt ".[benchmark]"
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special

from monai_strainer.evaluation.baselines import back_projection, cubic, network_alone
from monai_strainer.networks import Siren
from monai_strainer.physics import KSpaceCrop, Measurement, RicianNoise, Separable

Image = NDArray[np.float32]


def sinc(operator: Separable, y: Image) -> Image:
    """Zero-filled k-space: the interpolation that a scanner's console does."""
    zero_filling = KSpaceCrop(operator.shape_in, [n / m for n, m in zip(operator.shape_in, operator.shape_out)])
    gain = math.prod(n / m for n, m in zip(operator.shape_in, operator.shape_out))
    return gain * zero_filling.adjoint(torch.from_numpy(y)).numpy()


def total_variation(operator: Separable, y: Image, sigma: float, truth: Image, mask: NDArray[np.bool_]) -> Image:
    """Total variation at its best weight by the truth: 30 half-quadratic iterations where there is an operator."""
    from skimage.restoration import denoise_tv_chambolle

    clean = RicianNoise(sigma).debias(torch.from_numpy(y)).numpy()
    results = []
    for weight in (0.005, 0.01, 0.02, 0.04) if not operator.is_identity else (0.7 * sigma, sigma, 1.5 * sigma):
        if operator.is_identity:
            x = np.stack([denoise_tv_chambolle(image, weight=weight) for image in clean])
        else:
            x = cubic(clean, operator.shape_in)
            for _ in range(15):
                x = np.stack([denoise_tv_chambolle(image, weight=weight, max_num_iter=30) for image in x])
                x = operator.prox(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(clean), 0.05).numpy()
        results.append((float(np.square(x - truth)[mask].mean()), x))
    return np.asarray(min(results, key=lambda pair: pair[0])[1], np.float32)


@lru_cache(maxsize=1)
def _stabiliser() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signal over sigma, and the mean of the stabilised magnitude there: the table of the exact unbiased inverse."""
    nu = np.concatenate([np.linspace(0, 6, 301), np.linspace(6.1, 400, 2000)])
    offsets = np.linspace(-8, 8, 1601)
    means = []
    for value in nu:
        z = np.maximum(value + offsets, 1e-6)
        density = z * np.exp(-0.5 * (z - value) ** 2) * special.i0e(z * value)
        density[value + offsets <= 0] = 0
        means.append(float((_forward(z) * density).sum() / density.sum()))
    return nu, np.asarray(means)


def _forward(z: NDArray[Any]) -> NDArray[Any]:
    return np.sqrt(np.maximum(z * z - 0.5, 0))


def stabilised(denoise: Callable[[NDArray[Any]], NDArray[Any]], y: Image, sigma: float) -> Image:
    """Run a Gaussian denoiser on Rician data: stabilise the variance, denoise at level 1, exact unbiased inverse.

    Source: Foi, Noise estimation and removal in MR imaging: the variance-stabilization approach, ISBI 2011.
    """
    nu, mean = _stabiliser()
    smooth = denoise(_forward(y / sigma))
    signal = np.interp(smooth, mean, nu) + np.maximum(smooth - mean[-1], 0)  # beyond the table the slope is 1
    return np.asarray(sigma * signal, np.float32)


def bm3d(y: Image, sigma: float) -> Image:
    """BM3D on every slice, variance-stabilised."""
    from bm3d import bm3d as theirs

    return np.stack([stabilised(partial(_at_level_1, theirs), image, sigma) for image in y])


def bm4d(y: Image, sigma: float) -> Image:
    """BM4D on the stack, variance-stabilised."""
    from bm4d import bm4d as theirs

    return stabilised(partial(_at_level_1, theirs), y, sigma)


def ndsafir(y: Image, sigma: float) -> Image:
    """ND-SAFIR on the stack, variance-stabilised."""
    from ndsafir import denoise_gaussian

    def theirs(z: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(denoise_gaussian(np.ascontiguousarray(z, np.float32), axes="zyx", noise_std=1.0, nthreads=1))

    return stabilised(theirs, y, sigma)


def ants(y: Image, sigma: float) -> Image:
    """ANTs' DenoiseImage for Rician noise, slice by slice; it takes no level and finds its own.

    With the defaults of the program itself, patch radius 1 and search radius 2: on slabs of 8 slices it was 3 dB worse
    in three dimensions.
    """
    import ants as theirs

    made = [theirs.denoise_image(theirs.from_numpy(image), noise_model="Rician", p=1, r=2).numpy() for image in y]
    return np.stack(made).astype(np.float32)


def _at_level_1(denoise: Callable[..., Any], z: NDArray[Any]) -> NDArray[Any]:
    """Run a denoiser that expects images in [0, 1] on an image whose noise has a deviation of 1."""
    top = float(z.max())
    return np.asarray(denoise(z / top, 1 / top)) * top


def non_local_means(y: Image, sigma: float) -> Image:
    """dipy's Rician non-local means on the stack."""
    from dipy.denoise.nlmeans import nlmeans

    return np.asarray(
        nlmeans(y.astype(np.float64), sigma=sigma, patch_radius=1, block_radius=3, rician=True), np.float32
    )


def network_at_its_best(
    siren: Siren,
    coords: torch.Tensor,
    operator: Separable,
    y: Image,
    sigma: float,
    truth: Image,
    mask: NDArray[np.bool_],
    steps: int = 300,
) -> Image:
    """Run the paper's fit; keep, slice by slice, the step of the least error against the truth.

    Args:
        siren: where it starts: fresh, or the cohort's encoder with a fresh readout.
        coords: (S, d, H, W) head coordinates.
        operator: of the slices.
        y: (S, h, w) data.
        sigma: the true noise level.
        truth: (S, H, W).
        mask: (S, H, W) where the error is measured.
        steps: of 4,096 points each, at most.
    """
    best, images = np.full(len(y), np.inf), np.zeros_like(truth)

    def look(_: int, x: torch.Tensor) -> None:
        for k, image in enumerate(x.numpy()):
            error = float(np.square(np.maximum(image, 0) - truth[k])[mask[k]].mean())
            if error < best[k]:
                best[k], images[k] = error, image

    given = Measurement(operator, torch.from_numpy(y), RicianNoise(sigma))
    network_alone(siren, coords, given, steps=steps, every=10, on_look=look)
    return images


def interpolations(operator: Separable, y: Image) -> dict[str, Callable[[], Image]]:
    """Return the methods that need only an operator."""
    return {
        "cubic": lambda: cubic(y, operator.shape_in),
        "sinc": lambda: sinc(operator, y),
        "back_projection": lambda: back_projection(operator, y),
    }
