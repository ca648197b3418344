# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore by other methods, for comparison: classical ones, a network fitted as in the paper, our data step alone.

A method is worth its name where it beats these on the same data. All but the network take and give float32 arrays of
slices, and none of them has seen any other scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..errors import InputError
from ..fitting import ErrorField, HeldOut
from ..networks import Siren, SirenStack
from ..physics import Measurement, NoiseModel, Operator, RicianNoise

__all__ = ["back_projection", "cubic", "kriging_only", "network_alone", "non_local_means"]


def cubic(measured: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Cubic spline interpolation that keeps the field of view.

    Fine voxel ``i`` of ``N`` lies at ``(i + 1/2) n / N - 1/2`` in measured voxels, so nothing is shifted; beyond the
    outermost centres the border value goes on.

    Args:
        measured: (S, h, w).
        shape: ``(H, W)``.

    Returns:
        (S, H, W)

    Raises:
        InputError: the slices are not (S, h, w), or the shape is not two lengths above 0.

    Example:
        >>> cubic(np.ones((1, 3, 4), np.float32), (6, 8)).shape
        (1, 6, 8)
    """
    y = np.asarray(measured, dtype=np.float32)
    if y.ndim != 3 or len(shape) != 2 or min(shape) < 1:
        raise InputError(f"{y.shape} cannot be interpolated to {tuple(shape)}", "pass slices (S, h, w) and (H, W)")
    index = [(np.arange(N) + 0.5) * n / N - 0.5 for N, n in zip(shape, y.shape[1:])]
    grid = np.meshgrid(*index, indexing="ij")
    return np.stack([ndimage.map_coordinates(image, grid, order=3, mode="nearest") for image in y])


def back_projection(operator: Operator, y: NDArray[np.float32], iterations: int = 30) -> NDArray[np.float32]:
    """Apply iterative back-projection: start from the cubic image, then repeatedly add the interpolated misfit.

    ``x <- x + cubic(y - A x)``; the image comes to agree with the data, noise included.

    Args:
        operator: ``A`` on ``(..., H, W)``.
        y: (S, h, w).
        iterations: 30 are enough for the misfit to vanish.

    Returns:
        (S, H, W)

    Source: Irani and Peleg, Improving resolution by image registration, CVGIP 53 (1991).

    Example:
        >>> from monai_strainer.physics import Downsample
        >>> x = back_projection(Downsample((6, 6), 2), np.ones((1, 3, 3), np.float32))
        >>> x.shape, bool(np.allclose(x, 1))
        ((1, 6, 6), True)
    """
    x = cubic(y, operator.shape_in)
    for _ in range(iterations):
        x = x + cubic(y - operator.A(torch.from_numpy(x)).numpy(), operator.shape_in)
    return x


def non_local_means(y: NDArray[np.float32], sigma: float) -> NDArray[np.float32] | None:
    """Non-local means for Rician noise, slice by slice: every pixel becomes the mean of those with like surroundings.

    Patches are 5 x 5, looked for within 13 x 13 pixels, with bandwidth 0.8 sigma; :meth:`RicianNoise.debias` then takes
    the bias off the means. On single slices this is level with dipy's Rician variant (33.4 and 33.0 dB at 3 % noise,
    27.2 and 27.3 dB at 9 %), so one of the two is enough.

    Args:
        y: (S, H, W) magnitudes.
        sigma: of the noise, known.

    Returns:
        (S, H, W), or None where scikit-image is not installed.

    Source: Buades et al., A non-local algorithm for image denoising, CVPR 2005.

    Example:
        >>> out = non_local_means(np.ones((1, 16, 16), np.float32), sigma=0.1)
        >>> out is None or out.shape
        (1, 16, 16)
    """
    if find_spec("skimage") is None:
        return None
    from skimage.restoration import denoise_nl_means

    means = [denoise_nl_means(image, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma) for image in y]
    return RicianNoise(sigma).debias(torch.from_numpy(np.stack(means).astype(np.float32))).numpy()


def kriging_only(operator: Operator, y: NDArray[np.float32], noise: NoiseModel) -> NDArray[np.float32]:
    """Our data step with no network before it: kriging from an empty image. It shows what the network is worth.

    Args:
        operator: ``A`` on ``(..., H, W)``.
        y: (S, h, w), the head about ``[0, 1]``.
        noise: of the data.

    Returns:
        (S, H, W)

    Example:
        >>> from monai_strainer.physics import Identity, GaussianNoise
        >>> x = kriging_only(Identity((4, 4)), np.ones((1, 4, 4), np.float32), GaussianNoise(0.01))
        >>> bool(np.allclose(x, 1, atol=0.05))
        True
    """
    clean = noise.debias(torch.from_numpy(np.asarray(y, dtype=np.float32)))
    empty = torch.zeros(len(clean), *operator.shape_in)
    return ErrorField(operator, clean, float(noise.sigma.square().mean())).correct(empty).images.numpy()


def network_alone(
    siren: Siren,
    coords: Tensor,
    measurement: Measurement,
    *,
    steps: int,
    rate: float = 1e-4,
    seed: int = 0,
    every: int = 10,
    on_look: Callable[[int, Tensor], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Fit a network to every slice as the paper does: Adam from the network's own readout, no data step.

    Two things differ from the paper, for a fair race: steps see about 4,096 points, as ours do, and 3 % of the
    measurements are held out to choose the best step blindly.

    Args:
        siren: where every slice's copy starts; a fresh one is a plain SIREN.
        coords: ``(S, d, H, W)``.
        measurement: of the slices.
        steps: gradient steps.
        rate: Adam's, the paper's by default.
        seed: of the draws.
        every: steps between two looks; above ``steps``, only the last step counts.
        on_look: called with the step and its images ``(S, H, W)``: an oracle may choose among them.

    Returns:
        images ``(S, H, W)`` and their steps ``(S,)``.

    Source: Vyas et al., Learning Transferable Features for Implicit Neural Representations, NeurIPS 2024.
    """
    operator, y, noise = measurement.operator, measurement.y, measurement.noise
    generator = torch.Generator().manual_seed(seed)
    stack = SirenStack(siren, len(coords))
    adam = torch.optim.Adam(stack.parameters(), rate)
    watch = HeldOut.draw((y.shape[1], y.shape[2]), len(y), 0.03, generator)
    watch.to(y.device)
    clean, kept = noise.debias(y), ~watch.mask
    ratio = min(1.0, 4096 / (coords.shape[2] * coords.shape[3])) ** 0.5

    def image(at: Tensor) -> Tensor:
        """Intensities in [0, 1] at ``(S, d, H, W)``."""
        return ((stack(at.flatten(2).mT)[..., 0] + 1) / 2).reshape(len(at), *at.shape[2:])

    for step in range(steps + 1):
        if step == steps or (step % every == 0 and every <= steps):
            with torch.no_grad():
                x = torch.cat([image(rows) for rows in coords.split(16, dim=2)], dim=1)
            watch.update(step, x, clean - operator.A(x))
            if on_look is not None:
                on_look(step, x)
        if step == steps:
            break
        some = [torch.randperm(n, generator=generator)[: max(1, round(ratio * n))].sort().values for n in y.shape[1:]]
        part, h = operator.restrict(some[0], 0)
        part, w = part.restrict(some[1], 1)
        seen = part.A(image(coords[:, :, h][:, :, :, w]))
        weight = kept[some[0]][:, some[1]]
        loss = noise.negative_log_likelihood(seen, y[:, some[0]][:, :, some[1]]) * weight
        adam.zero_grad()
        (loss.sum() / weight.sum().clamp_min(1)).backward()
        adam.step()
    return watch.images, watch.best_step
