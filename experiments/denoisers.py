# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoisers of others that learned nothing, on stacks of slices with Rician noise; each needs its own package."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import bm4d as _bm4d
from benchmarks.rivals import stabilised

__all__ = ["ants", "bm4d", "denoised", "installed", "ndsafir"]

Image = NDArray[np.float32]


def ants(y: Image, sigma: float) -> Image:
    """Run ANTs' DenoiseImage for Rician noise slice by slice (S, H, W); it finds the noise level by itself."""
    import ants as theirs

    made = [theirs.denoise_image(theirs.from_numpy(image), noise_model="Rician", p=1, r=2).numpy() for image in y]
    return np.stack(made).astype(np.float32)


def ndsafir(y: Image, sigma: float) -> Image:
    """Run ND-SAFIR on the stack (S, H, W), variance-stabilised."""
    from ndsafir import denoise_gaussian

    def theirs(z: NDArray[np.float64]) -> NDArray[np.float64]:
        stack = np.ascontiguousarray(z, np.float32)
        return np.asarray(denoise_gaussian(stack, axes="zyx", noise_std=1.0, nthreads=1), np.float64)

    return stabilised(theirs, y, sigma)


def bm4d(y: Image, sigma: float) -> Image:
    """Run BM4D on the stack (S, H, W), variance-stabilised."""
    return _bm4d(y, sigma)


_METHODS = {"ants": ants, "ndsafir": ndsafir, "bm4d": bm4d}


def installed(names: tuple[str, ...] = tuple(_METHODS)) -> list[str]:
    """Return those whose package is there."""
    return [name for name in names if find_spec(name)]


def denoised(method: str, y: Image, sigma: float) -> Image:
    """Denoise a stack (S, H, W) by a method of this file."""
    return _METHODS[method](y, sigma)
