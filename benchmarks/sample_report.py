# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make docs/samples/report.html: the page of a neck scan with 4 % noise, as `--report` writes it.

The scan is varied/sct_sub03_GRE_MToff.nii.gz of the data folder (MIT licence, NeuroPoly): a cervical cord of a person
whose scans trained no network. Its middle part is cut out, and Rician noise is added.

python -m benchmarks.sample_report DATA
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from monai_strainer import Grid, RestoreOptions, RicianNoise, Volume, load_prior, read, write
from monai_strainer.pipelines.restore_file import FileOptions, Outputs, restore_file

PAGE = Path(__file__).resolve().parent.parent / "docs" / "samples" / "report.html"
SCAN = "varied/sct_sub03_GRE_MToff.nii.gz"
ROWS, COLUMNS = slice(52, 204), slice(44, 204)
NOISE = 0.04  # of the 99th percentile


def noisy_part(scan: Volume) -> Volume:
    """Return the middle of the slices, with noise."""
    affine = scan.grid.affine.copy()
    affine[:3, 3] += affine[:3, :2] @ (ROWS.start, COLUMNS.start)
    data = np.ascontiguousarray(scan.data[ROWS, COLUMNS])
    noise = RicianNoise(NOISE * float(np.percentile(data, 99)))
    data = noise.sample(torch.from_numpy(data), torch.Generator().manual_seed(0)).numpy()
    return Volume(data, Grid(data.shape, affine), slice_axis=scan.slice_axis)


def main(data: Path, page: Path = PAGE, **options: int) -> None:
    """Restore the scan with a report, and keep the page."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "neck.nii.gz"), Path(folder, "denoised.nii.gz")
        write(noisy_part(read(data / SCAN)), source)
        wanted = FileOptions((1.0,), restore=RestoreOptions(**options))
        restore_file(source, target, load_prior(), wanted, Outputs(std=True, report=True))
        page.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(target.with_name("denoised.html"), page)
    print(f"{page.name}: {page.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
