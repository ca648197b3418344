# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Load nibabel without pydicom, for a process that reads no DICOM inside of NIfTI headers."""

from __future__ import annotations

import sys

__all__ = ["load_nibabel"]


def load_nibabel() -> None:
    """Load nibabel; pydicom stays out, whose parts take longer to load than all of nibabel.

    nibabel needs pydicom only for DICOM headers that are packed into NIfTI extensions, and extensions are never read
    here. The whole process then has a nibabel that cannot unpack them: this is for commands, not for the library.
    Whatever is loaded already stays as it is, and pydicom can be loaded afterwards.
    """
    if "pydicom" in sys.modules or "nibabel" in sys.modules:
        return
    sys.modules["pydicom"] = None  # type: ignore[assignment]
    try:
        import nibabel.nifti1  # noqa: F401
    finally:
        del sys.modules["pydicom"]
