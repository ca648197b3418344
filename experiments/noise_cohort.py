# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make noise in place of scans: fields with a power spectrum, for pretraining without patients' data.

    python -m experiments.noise_cohort OUT_BUNDLE --steps 600

trains the coordinate prior of ``experiments/noise_strainer``. It restores brains worse than no prior does (see the page
"Evidence"), so the package does not offer it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.geometry import centres
from monai_strainer.pretraining.encoder import COHORT, pretrain
from monai_strainer.pretraining.run import Run
from monai_strainer.priors.prior import Prior
from monai_strainer.priors.store import save_prior

__all__ = ["NOISE_GRID", "NOISE_IMAGES", "main", "noise_slices"]

NOISE_IMAGES, NOISE_GRID = 32, (48, 96, 96)


def noise_slices(
    count: int = NOISE_IMAGES, shape: tuple[int, int, int] = NOISE_GRID, exponent: float = 1.0, seed: int = 0
) -> AlignedSlices:
    """Make a cohort of noise: three-dimensional fields whose amplitude falls with frequency as ``1 / f^exponent``.

    Exponent 0 is white noise, uniform between 0 and 1 and independent from voxel to voxel. With any other exponent,
    white noise is filtered and every field brought to the range 0 to 1. The spectrum of scans has about exponent 1
    along every axis: what a network learns from such fields is where an image keeps its energy, and nothing else.

    Args:
        count: fields.
        shape: slices, rows and columns.
        exponent: how fast the amplitude falls.
        seed: of the draws.

    Returns:
        slices that stand for a cohort's, float16, over the whole box of head coordinates.

    Raises:
        ValueError: no field, or an empty one.

    Source: Vyas et al., "The Surprising Effectiveness of Noise Pretraining for Implicit Neural Representations",
    CVPR 2026.

    Example:
        >>> noise_slices(2, (3, 8, 9), exponent=0).images.shape
        (2, 3, 8, 9)
    """
    if min(count, *shape) < 1:
        raise ValueError(f"{count} fields of {shape} voxels are no cohort")
    rng = np.random.default_rng(seed)
    images = np.empty((count, *shape), np.float16)
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")))
    floor = 1 / max(shape)  # the lowest frequency of the longest axis; it bounds the mean's amplitude as well
    for image in images:  # (S, H, W)
        field = rng.random(shape)
        if exponent:
            field = np.fft.ifftn(np.fft.fftn(field - 0.5) * np.maximum(frequency, floor) ** -exponent).real
            low, high = field.min(), field.max()
            field = (field - low) / max(high - low, 1e-12)
        image[:] = field
    axes = tuple(centres(n).astype(np.float32) for n in shape)
    return AlignedSlices(images, (axes[0], axes[1], axes[2]))


def main(argv: Sequence[str] | None = None) -> Prior:
    """Train a coordinate prior on fields of noise, and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("output", type=Path, metavar="OUT_BUNDLE")
    parser.add_argument("--steps", type=int, default=COHORT.steps)
    parser.add_argument("--images", type=int, default=NOISE_IMAGES, help="fields")
    parser.add_argument("--grid", type=int, nargs=3, default=NOISE_GRID, metavar=("S", "H", "W"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    recipe, shape = replace(COHORT, steps=args.steps), (args.grid[0], args.grid[1], args.grid[2])
    slices = noise_slices(args.images, shape, seed=args.seed)
    network = pretrain(slices, recipe, run=Run(seed=args.seed, device=args.device))
    fields = {"count": args.images, "shape": shape, "exponent": 1.0}
    record = {"kind": "noise", "scans": 0, "recipe": asdict(recipe), "seed": args.seed, "fields": fields}
    return save_prior(Prior(network.cpu(), "axial"), args.output, record)


if __name__ == "__main__":
    main()
