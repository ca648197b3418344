# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoise a whole head: its noise is estimated, and the general prior adapts to it.

python -m examples.gallery.denoise_head SCAN PICTURE
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from examples.gallery.panels import part, save
from monai_strainer import load_prior, read, restore


def main(source: Path, target: Path) -> None:
    """Denoise a few slices of a scan as it is."""
    scan = read(source)
    scan = part(scan, scan.slice_axis, 8)
    out = restore(scan, load_prior(), scale=1)
    print(f"noise: {100 * out.report['noise']['relative']:.1f} %, prior: {out.report['choice']['prior']}")
    std = replace(out.volume, data=out.std)
    save(target, {"scan": scan, "denoised": out.volume}, std, scan.slice_axis)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
