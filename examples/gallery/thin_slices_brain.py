# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make thin slices of thick ones: 5 mm become 1 mm, seen from the side.

python -m examples.gallery.thin_slices_brain SCAN PICTURE
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from examples.gallery.panels import part, quality, save
from monai_strainer import Downsample, Volume, load_prior, read, restore


def main(source: Path, target: Path) -> None:
    """Restore what a scanner of slices that are five times as thick would have measured."""
    truth = part(read(source), 1, 16)  # a block of 16 coronal slices
    count = truth.grid.shape[2] // 5
    truth = part(truth, 2, 5 * count)
    operator = Downsample(truth.grid.shape, (1, 1, 5))
    data = operator.A(torch.from_numpy(np.ascontiguousarray(truth.data))).numpy()
    scan = Volume(data, truth.grid.resize(data.shape), slice_axis=2)
    out = restore(scan, load_prior(), scale=(1, 1, 5))
    print(f"{quality(out.volume.data, truth.data):.1f} dB, prior: {out.report['choice']['prior']}")
    std = replace(out.volume, data=out.std)
    save(target, {"5 mm slices": scan, "truth": truth, "1 mm slices": out.volume}, std, axis=1)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
