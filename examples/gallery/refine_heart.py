# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Super-resolve a heart in-plane: it is measured at half its resolution, restored, and compared with interpolation.

python -m examples.gallery.refine_heart SCAN PICTURE
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from scipy import ndimage

from examples.gallery.panels import part, quality, save
from monai_strainer import Downsample, Volume, load_prior, read, restore


def main(source: Path, target: Path) -> None:
    """Restore what a scanner of half the resolution would have measured, beside cubic interpolation."""
    truth = read(source)
    truth = part(truth, 2, 8)
    height, width = (n // 2 * 2 for n in truth.grid.shape[:2])
    truth = part(part(truth, 0, height), 1, width)
    data = Downsample((height, width), 2).A(torch.from_numpy(truth.slices(2)))
    coarse = truth.grid.resize((height // 2, width // 2, truth.grid.shape[2]))
    scan = Volume(data.permute(1, 2, 0).numpy(), coarse, slice_axis=2)
    out = restore(scan, load_prior(), scale=2)
    smooth = ndimage.zoom(scan.data, (2, 2, 1), order=3, grid_mode=True, mode="nearest")
    cubic = replace(out.volume, data=smooth)
    gain = quality(out.volume.data, truth.data) - quality(smooth, truth.data)
    print(f"{gain:+.1f} dB over cubic interpolation, prior: {out.report['choice']['prior']}")
    std = replace(out.volume, data=out.std)
    save(target, {"truth": truth, "cubic": cubic, "2x": out.volume}, std, axis=2, zoom=2)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
