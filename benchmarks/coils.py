# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoise a slab with the noise of eight coils, once taken for Rician and once for what it is.

python benchmarks/coils.py SCAN [--coils 8]       # a scan without skull; prints the table of docs/concepts/noise.md

Eight axial slices from the middle of the scan. The noise is a fraction of the 99.9th percentile of what is not zero.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from monai_strainer import Grid, Volume, load_prior, read, restore
from monai_strainer.metrics import psnr
from monai_strainer.physics import NoncentralChiNoise

LEVELS = (0.03, 0.06)
SLICES = 8


def main() -> None:
    """Print one line per level."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--coils", type=int, default=8)
    args = parser.parse_args()
    whole, prior = read(args.scan), load_prior()
    axis = whole.grid.axis_of("axial")
    first = (whole.data.shape[axis] - SLICES) // 2
    truth = np.ascontiguousarray(np.take(whole.data, range(first, first + SLICES), axis))
    affine = whole.grid.affine.copy()
    affine[:3, 3] += affine[:3, axis] * first
    inside, grid = truth > 0, Grid((truth.shape[0], truth.shape[1], truth.shape[2]), affine)
    peak = float(np.percentile(truth[inside], 99.9))
    kinds = ("rician", f"noncentral_chi:{args.coils}")
    print(f"| noise added | input | {' | '.join(f'`--noise {kind}`' for kind in kinds)} | error, {kinds[0]} | error |")
    print("| --- |" + " ---: |" * 5)
    for level in LEVELS:
        noise = NoncentralChiNoise(level * peak, args.coils)
        y = noise.sample(torch.from_numpy(truth), torch.Generator().manual_seed(0)).numpy()
        found = [restore(Volume(y, grid, slice_axis=axis), prior, 1, noise=kind).volume.data for kind in kinds]
        scores = [f"{psnr(image, truth, data_range=peak, mask=inside):.1f} dB" for image in (y, *found)]
        errors = [f"{100 * float((image - truth)[inside].mean()) / peak:.1f}" for image in found]
        print(f"| {100 * level:g} % | {' | '.join(scores + errors)} |")


if __name__ == "__main__":
    main()
