# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoise a knee: what was removed from a scan with 4 % of noise is shown, and must not look like anatomy.

python -m examples.gallery.denoise_knee SCAN PICTURE
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from examples.gallery.panels import part, quality, save
from monai_strainer import RicianNoise, load_prior, read, restore


def main(source: Path, target: Path) -> None:
    """Denoise a few slices, and show what was removed beside them."""
    truth = read(source)
    truth = part(truth, truth.slice_axis, 8)
    noise = RicianNoise(0.04 * float(np.percentile(truth.data, 99)))
    scan = replace(truth, data=noise.sample(torch.from_numpy(truth.data), torch.Generator().manual_seed(0)).numpy())
    out = restore(scan, load_prior(), scale=1)
    gain = quality(out.volume.data, truth.data) - quality(scan.data, truth.data)
    print(f"{gain:+.1f} dB, prior: {out.report['choice']['prior']}")
    grey = np.float32(0.5 * np.percentile(out.volume.data, 99.8))
    removed = replace(scan, data=grey + 3 * (scan.data - out.volume.data))
    std = replace(out.volume, data=out.std)
    save(target, {"scan": scan, "removed, x 3": removed, "denoised": out.volume}, std, scan.slice_axis)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
