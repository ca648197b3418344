# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure how large the page of a scan is: a brain in noisy air, denoised, at several matrix sizes.

Nothing is restored: the brain without noise stands for the result, and noise for its standard deviation.

python -m benchmarks.page_size
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from scipy import ndimage

from monai_strainer import Grid, Prior, Volume, restore
from monai_strainer.pipelines.demo import template
from monai_strainer.reporting.html import page_of

SHAPES = ((256, 256, 24), (256, 256, 192), (512, 512, 320))
NOISE = 0.05  # of the brain's 99th percentile


def main() -> None:
    """Print size and time of every page."""
    brain = template()
    part = Volume(brain.data[60:120, 60:120, 90:93], Grid((60, 60, 3), np.eye(4)), slice_axis=2)
    report = restore(part, Prior.cold(), 1, steps=0, method="coordinates").details
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        clean = ndimage.zoom(brain.data, [n / m for n, m in zip(shape, brain.data.shape)], order=1)
        sigma = np.float32(NOISE * np.percentile(clean, 99))
        noise = sigma * rng.standard_normal((2, *shape), np.float32)
        scan = Volume(np.hypot(clean + noise[0], noise[1]), Grid(shape, np.eye(4)), slice_axis=2)
        std = np.abs(ndimage.gaussian_filter(noise[0], 1))
        weight = np.ones_like(std)
        start = time.perf_counter()
        page = page_of(scan, replace(scan, data=clean), std, report, network_weight=weight)
        seconds = time.perf_counter() - start
        print(f"{' x '.join(map(str, shape))}: {len(page) / 1e6:.1f} MB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
