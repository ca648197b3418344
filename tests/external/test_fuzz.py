# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A bounded while of coverage-guided fuzzing: nothing but InputError leaves the readers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_files import slice_of
from phantoms import affine_of

from monai_strainer import Prior, save_prior

pytestmark = pytest.mark.external

SECONDS = 20


def seeds(folder: Path, kind: str) -> None:
    """Small good files to begin with."""
    folder.mkdir()
    data, affine = np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine_of(np.eye(3))
    if kind == "nifti1":
        nib.save(nib.Nifti1Image(data, affine), folder / "one.nii")
    elif kind == "nifti2":
        nib.save(nib.Nifti2Image(data, affine), folder / "two.nii")
    elif kind == "dicom":
        slice_of(0).save_as(folder / "slice.dcm", enforce_file_format=True)
    else:
        save_prior(Prior.cold(0, hidden_channels=16), folder.parent / "bundle")
        (folder.parent / "bundle" / "models" / "model.pt").rename(folder / "model.pt")


@pytest.mark.parametrize("kind", ["nifti1", "nifti2", "dicom", "prior"])
def test_nothing_but_a_refusal_escapes(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed: tests/external/install.sh")
    seeds(tmp_path / "corpus", kind)
    script = Path(__file__).with_name("fuzz_readers.py")
    limits = [f"-max_total_time={SECONDS}", "-rss_limit_mb=4096", "-timeout=20", "-max_len=20000", "-seed=1"]
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "corpus"), *limits], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None and int(runs[1]) > 100, done.stderr[-1000:]
