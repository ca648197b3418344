# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Sharpen a thick contrast by joint total variation with a sharp one, and compare with `restore --with`.

python benchmarks/joint_tv.py --thick T2.nii.gz --sharp T1w.nii.gz [--thickness 5] [--rows 50 100]

    ``x* = argmin |A x - y|^2 / (2 s^2) + w sum sqrt(|grad x|^2 + g^2 |grad z|^2 + e^2)``

The gradient of the sharp contrast ``z`` makes an edge of ``x`` at the same place cheap, whatever its sign; ``g = 0`` is
total variation of the thick contrast alone. Solved by reweighted least squares and conjugate gradients. Weight ``w`` is
the one with the best PSNR, which a user does not know. Cut, noise and scores are those of `contrasts.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from contrasts import MARGIN, cropped, interpolated, peak_of
from scipy import ndimage
from stacks import NOISE, cut
from torch import Tensor

from monai_strainer import Volume, load_prior, read, restore
from monai_strainer.fusing.contrasts import sharpen
from monai_strainer.metrics import psnr
from monai_strainer.physics import Operator, Profile

EDGE = 0.01  # e, of an image of about [0, 1]
ROUNDS, STEPS = 6, 12  # of new weights, and of conjugate gradients for each
WEIGHTS = (0.3, 1.0, 3.0, 10.0)
STRENGTHS = (1.0, 3.0, 10.0)  # g


def slopes(x: Tensor) -> Tensor:
    """(3, X, Y, Z): differences with the next voxel; 0 at the end."""
    out = x.new_zeros((3, *x.shape))
    for axis in range(3):
        n = x.shape[axis]
        out[axis].narrow(axis, 0, n - 1).copy_(x.narrow(axis, 1, n - 1) - x.narrow(axis, 0, n - 1))
    return out


def back(slope: Tensor) -> Tensor:
    """Do the transpose of ``slopes``."""
    out = torch.zeros_like(slope[0])
    for axis in range(3):
        n = out.shape[axis]
        part = slope[axis].narrow(axis, 0, n - 1)
        out.narrow(axis, 1, n - 1).add_(part)
        out.narrow(axis, 0, n - 1).sub_(part)
    return out


def smoothest(start: Tensor, y: Tensor, operator: Operator, weight: float, known: Tensor | float) -> Tensor:
    """Minimise the sum; ``known`` is ``g^2 |grad z|^2``."""
    x = start
    pull = operator.adjoint(y) / NOISE**2
    for _ in range(ROUNDS):
        cheap = (slopes(x).square().sum(0) + known + EDGE**2).rsqrt()

        def normal(p: Tensor, cheap: Tensor = cheap) -> Tensor:
            return operator.adjoint(operator.A(p)) / NOISE**2 + weight * back(cheap * slopes(p))

        rest = pull - normal(x)
        direction, power = rest, rest.square().sum()
        for _ in range(STEPS):
            image = normal(direction)
            size = power / (direction * image).sum()
            x, rest = x + size * direction, rest - size * image
            before, power = power, rest.square().sum()
            direction = rest + power / before * direction
    return x


def main() -> None:
    """Print a line for every method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thick", type=Path, required=True, help="isotropic scan that is cut into axial slices")
    parser.add_argument("--sharp", type=Path, required=True, help="scan of another contrast, on the same grid")
    parser.add_argument("--thickness", type=int, default=5, help="of slices, in voxels")
    parser.add_argument("--rows", type=int, nargs=2, help="use only these rows, first and last + 1")
    args = parser.parse_args()
    rows = None if args.rows is None else (args.rows[0], args.rows[1])
    thick, sharp = (cropped(read(path), args.thickness, rows) for path in (args.thick, args.sharp))
    peak, factors = peak_of(thick), (1, 1, args.thickness)
    slices = cut(thick, 2, args.thickness, (0.0,) * 6, NOISE * peak, seed=0)
    inner = ndimage.distance_transform_edt(np.pad((thick.data > 0) & (sharp.data > 0), 1))[1:-1, 1:-1, 1:-1] > MARGIN

    def score(image: np.ndarray) -> float:
        return psnr(image, thick.data, data_range=peak, mask=inner)

    operator = Profile()(thick.grid.shape, slices.grid.shape)
    y, start = (torch.from_numpy(x / np.float32(peak)) for x in (slices.data, interpolated(slices, thick.grid)))
    guide = slopes(torch.from_numpy(sharp.data / np.float32(peak_of(sharp)))).square().sum(0)
    print("| method | PSNR, dB | weight |")
    print("| --- | ---: | ---: |")
    print(f"| cubic | {score(start.numpy() * peak):.2f} | |", flush=True)
    for strength in (0.0, *STRENGTHS):
        known = strength**2 * guide
        found = {w: score(smoothest(start, y, operator, w, known).numpy() * peak) for w in WEIGHTS}
        best = max(found, key=lambda w: found[w])
        name = f"joint total variation, g = {strength:g}" if strength else "total variation"
        print(f"| {name} | {found[best]:.2f} | {best:g} |", flush=True)
    prior = load_prior()
    alone = restore(slices, prior, factors)
    print(f"| restore | {score(alone.volume.data):.2f} | |", flush=True)
    out = sharpen(slices, alone, [Volume(sharp.data, sharp.grid)], prior, align=False)
    print(f"| restore --with | {score(out.volume.data):.2f} | |", flush=True)


if __name__ == "__main__":
    main()
