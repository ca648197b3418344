# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Super-resolve a neck in-plane: a scan as it is, from voxels of 0.9 mm to 0.45 mm, with the spinal cord in the middle.

python -m examples.gallery.refine_neck SCAN PICTURE
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from examples.gallery.panels import part, save
from monai_strainer import load_prior, read, restore


def main(source: Path, target: Path) -> None:
    """Refine a few slices of a scan; nobody knows their truth, so look at the standard deviation."""
    scan = read(source)
    scan = part(scan, scan.slice_axis, 3)
    out = restore(scan, load_prior(), scale=2)
    fraction = 100 * out.report["data"]["undetermined"]
    print(f"supplied by the prior: {fraction:.2g} % of the energy, prior: {out.report['choice']['prior']}")
    std = replace(out.volume, data=out.std)
    save(target, {"scan": scan, "2x": out.volume}, std, scan.slice_axis, zoom=3)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
