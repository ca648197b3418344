# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Small heads, small networks and small cohorts, made of formulas: what the laws in the tests are tried on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.geometry import Grid, centres
from monai_strainer.networks import DetailPrior, Siren
from monai_strainer.priors.prior import Prior
from monai_strainer.volume import Volume


def turn(degrees: float, axis: int) -> NDArray[np.float64]:
    """A rotation about one of the three axes."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[[a, a, b, b], [a, b, a, b]] = c, -s, s, c
    return matrix


def affine_of(matrix: NDArray[np.float64], origin: tuple[float, float, float] = (0, 0, 0)) -> NDArray[np.float64]:
    """A 4x4 affine from its 3x3 part and the position of the first voxel."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, origin
    return affine


def ellipsoid(shape: tuple[int, int, int] = (22, 26, 18), contrast: float = 200.0) -> NDArray[np.float32]:
    """A head with an inside: about 600 in the rim, more or less within, zeros around it."""
    x, y, z = np.meshgrid(*(centres(n) for n in shape), indexing="ij", sparse=True)
    radius = np.sqrt((x / 0.7) ** 2 + (y / 0.8) ** 2 + (z / 0.85) ** 2)
    inside = 600 + contrast * np.cos(5 * x) * np.cos(4 * y + z)
    return np.where(radius < 1, inside, 0).astype(np.float32)


def small_head(shape: tuple[int, int, int] = (22, 26, 6), noise: float = 10.0, seed: int = 0) -> Volume:
    """A slightly oblique scan of a whole small head, with Rician noise; slices along the last axis."""
    rng = np.random.default_rng(seed)
    clean = ellipsoid(shape)
    noisy = np.hypot(clean + noise * rng.standard_normal(shape), noise * rng.standard_normal(shape))
    matrix = turn(11, 2) @ turn(-6, 0) @ np.diag([6.0, 6.5, 24.0])
    return Volume(noisy.astype(np.float32), Grid(shape, affine_of(matrix, (-60, -80, -70))), slice_axis=2)


def small_siren(seed: int = 0, spatial_dims: int = 3, width: int = 16, layers: int = 4) -> Siren:
    """A freshly drawn network that costs next to nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Siren(spatial_dims, 1, width, layers).eval()


def small_prior(seed: int = 0, spatial_dims: int = 3) -> Prior:
    """A prior that knows nothing, quickly."""
    return Prior(small_siren(seed, spatial_dims))


def small_detail(
    seed: int = 0, features: int = 16, channels: tuple[int, ...] = (8, 8), slices: int = 5, tail: float = 0.03
) -> DetailPrior:
    """A freshly drawn detail prior that costs next to nothing; ``tail`` says how much it meddles with its input."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DetailPrior(slices, channels, 1, features)
        torch.nn.init.normal_(network.tail.weight, std=tail)
        return network.eval()


def small_prior_with_detail(seed: int = 0, tail: float = 0.03) -> Prior:
    """Both networks, freshly drawn, that fit each other."""
    return Prior(small_siren(seed), detail=small_detail(seed, tail=tail))


def slice_coordinates(slices: int, height: int, width: int) -> Tensor:
    """(S, 3, H, W) head coordinates of a stack of whole slices."""
    z, x, y = np.meshgrid(0.8 * centres(slices), centres(height), centres(width), indexing="ij")
    return torch.from_numpy(np.stack([x, y, z], axis=1).astype(np.float32))


def slice_images(slices: int, height: int, width: int) -> Tensor:
    """(S, H, W) intensities in [0, 1]: a bright disc with a pattern of its own in every slice."""
    coords = slice_coordinates(slices, height, width)
    x, y, z = coords[:, 0], coords[:, 1], coords[:, 2]
    inside = torch.sigmoid((0.85 - torch.hypot(x, y)) / 0.05)
    return inside * (0.6 + 0.2 * torch.cos(5 * x + 2 * z) * torch.cos(4 * y))


def small_cohort(scans: int = 4, shape: tuple[int, int, int] = (3, 12, 14), seed: int = 0) -> AlignedSlices:
    """Aligned slices of heads that resemble each other."""
    rng = np.random.default_rng(seed)
    z, x, y = np.meshgrid(*(centres(n) for n in shape), indexing="ij", sparse=True)
    radius = np.sqrt(x**2 + y**2 + z**2)
    heads = [
        (radius < 0.9) * (0.6 + 0.2 * np.cos((5 + bend) * x + z) * np.cos(4 * y)) for bend in rng.normal(0, 0.5, scans)
    ]
    axes = tuple(centres(n).astype(np.float32) for n in shape)
    return AlignedSlices(np.stack(heads).astype(np.float16), (axes[0], axes[1], axes[2]))


HEAD_SHAPE = (20, 24, 6)


def oblique_affine() -> NDArray[np.float64]:
    """An affine of an oblique scan whose second axis runs backwards."""
    c, s = np.cos(0.4), np.sin(0.4)
    turned = np.array([[c, 0, s, 4], [0, -1, 0, 60], [-s, 0, c, -9], [0, 0, 0, 1.0]])
    affine: NDArray[np.float64] = turned @ np.diag([6.5, 7.0, 20.0, 1.0])
    return affine


def oblique_head(shape: tuple[int, int, int] = HEAD_SHAPE, seed: int = 0) -> Volume:
    """A clean head of about 700 with folds inside; the seed changes the folds."""
    x, y, z = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij")
    folds = np.cos((5 + seed) * x) * np.cos(4 * y + z)
    return Volume(np.where(x**2 + y**2 + z**2 < 1, 700 + 150 * folds, 0), Grid(shape, oblique_affine()))


BODY_SHAPE = (72, 80, 6)


def body_part(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A body part that is no head: an oval with organs, and where it is."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in BODY_SHAPE), indexing="ij")
    inside = x**2 + y**2 < 1
    organs = ndimage.gaussian_filter(rng.standard_normal(BODY_SHAPE), (3, 3, 1)) > 0.02
    return np.where(inside, 400 + 300 * organs + 80 * np.cos(9 * x * y + z), 0).astype(np.float32), inside


def body_volume(data: np.ndarray, spacing: float = 3.0) -> Volume:
    """Make a volume of it, with slices of ``spacing`` mm."""
    return Volume(data, Grid(data.shape, np.diag([1.0, 1, spacing, 1])), slice_axis=2)


def rician(truth: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    """Measure a magnitude with complex noise."""
    a, b = np.random.default_rng(seed).standard_normal((2, *truth.shape)) * sigma
    return np.hypot(truth + a, b).astype(np.float32)


def rmse(image: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    """Root mean square error where the object is."""
    return float(np.sqrt(np.square(image - truth)[inside].mean()))
