# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""nibabel is loaded without pydicom, which is there when it is asked for; what is loaded already stays."""

from __future__ import annotations

import subprocess
import sys

LOAD = "from monai_strainer.io.nifti.without_dicom import load_nibabel; load_nibabel()"


def printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_nibabel_comes_without_pydicom_and_pydicom_can_be_loaded_later() -> None:
    loaded = "print('nibabel' in sys.modules, 'pydicom' in sys.modules)"
    assert (
        printed(f"import sys; {LOAD}; {loaded}; import pydicom; print(pydicom.Dataset.__name__)")
        == "True False\nDataset"
    )


def test_a_nibabel_that_is_loaded_keeps_its_pydicom() -> None:
    assert printed(f"import nibabel.nifti1; {LOAD}; print(nibabel.nifti1.have_dicom)") == "True"
