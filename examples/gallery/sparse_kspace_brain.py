# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a brain from half of its k-space lines: an operator of your own takes the place of a scale.

python -m examples.gallery.sparse_kspace_brain SCAN PICTURE
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from examples.gallery.panels import part, quality, save
from monai_strainer import GaussianNoise, KSpaceLines, load_prior, read, restore
from monai_strainer.physics import random_lines


def main(source: Path, target: Path) -> None:
    """Measure every second line and the middle of k-space, and restore the image."""
    truth = part(read(source), 2, 4)
    lines = random_lines(truth.grid.shape[1], factor=2, centre=0.16)
    operator = KSpaceLines(truth.grid.shape[:2], axis=1, kept=lines)
    sigma = 0.005 * float(np.percentile(truth.data, 99))
    y = GaussianNoise(sigma).sample(operator.A(torch.from_numpy(truth.slices(2))), torch.Generator().manual_seed(0))
    scan = replace(truth, data=np.ascontiguousarray(np.moveaxis(y.numpy(), 0, 2)))
    own = lambda fine, measured: operator  # noqa: E731
    out = restore(scan, load_prior(), scale=1, operator=own, noise="gaussian", sigma=sigma)
    before, after = (quality(one.data, truth.data) for one in (scan, out.volume))
    print(f"{before:.1f} dB to {after:.1f} dB, {out.report['method']}")
    std = replace(out.volume, data=out.std)
    save(target, {"half of the lines": scan, "truth": truth, "restored": out.volume}, std, axis=2)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
