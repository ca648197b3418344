# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoise kidneys: Rician noise of 7 % is added to a scan of the abdomen and removed again.

python -m examples.gallery.denoise_kidney SCAN PICTURE
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
    """Denoise a few slices, whose noise level is estimated, and compare them with what they were made from."""
    truth = read(source)
    truth = part(truth, truth.slice_axis, 8)
    noise = RicianNoise(0.07 * float(np.percentile(truth.data, 99)))
    scan = replace(truth, data=noise.sample(torch.from_numpy(truth.data), torch.Generator().manual_seed(0)).numpy())
    out = restore(scan, load_prior(), scale=1)
    gain = quality(out.volume.data, truth.data) - quality(scan.data, truth.data)
    ratio = out.report["noise"]["sigma"] / float(noise.sigma)
    print(f"{gain:+.1f} dB, noise level estimated at {ratio:.2f} of the true one")
    std = replace(out.volume, data=out.std)
    save(target, {"scan": scan, "truth": truth, "denoised": out.volume}, std, truth.slice_axis, zoom=1.3)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
