# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoise a prostate: Rician noise of 5 % is added to a T2-weighted scan and removed again.

python -m examples.gallery.denoise_prostate SCAN PICTURE
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
    """Denoise a few slices, and compare them with what they were made from."""
    truth = read(source)
    truth = part(truth, truth.slice_axis, 8)
    noise = RicianNoise(0.05 * float(np.percentile(truth.data, 99)))
    scan = replace(truth, data=noise.sample(torch.from_numpy(truth.data), torch.Generator().manual_seed(0)).numpy())
    out = restore(scan, load_prior(), scale=1)
    gain = quality(out.volume.data, truth.data) - quality(scan.data, truth.data)
    print(f"{gain:+.1f} dB, prior: {out.report['choice']['prior']}")
    std = replace(out.volume, data=out.std)
    save(target, {"scan": scan, "truth": truth, "denoised": out.volume}, std, truth.slice_axis, zoom=1.6)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
