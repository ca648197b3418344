# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make all pictures of the gallery from a data folder, and print what every example prints.

python -m examples.gallery.make DATA docs/images/gallery
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

SCANS = {
    "denoise_head": "dicom/structural",
    "refine_brain": "oasis/sub-1000/anat/sub-1000_T1w.nii.gz",
    "thin_slices_brain": "oasis/sub-1000/anat/sub-1000_T1w.nii.gz",
    "denoise_prostate": "varied/prostatex0001_T2_tra.nii.gz",
    "denoise_kidney": "varied/kidney_GE_e1.nii.gz",
    "denoise_knee": "varied/knee_MESE_e8.nii.gz",
    "refine_neck": "varied/sct_sub03_GRE_MToff.nii.gz",
    "refine_heart": "varied/seg3d_heart.nii.gz",
    "sparse_kspace_brain": "oasis/sub-1000/anat/sub-1000_T1w.nii.gz",
}


def main(data: Path, pictures: Path, names: tuple[str, ...] = tuple(SCANS)) -> None:
    """Run the examples on the scans that the gallery shows."""
    pictures.mkdir(parents=True, exist_ok=True)
    for name in names:
        print(f"{name}: ", end="", flush=True)
        import_module(f"examples.gallery.{name}").main(data / SCANS[name], pictures / f"{name}.jpg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]) or tuple(SCANS))
