# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Coverage-guided fuzzing of both readers: nothing but InputError may escape.

Needs atheris, and a folder of small .dcm and .nii files to begin with:

python tests/external/fuzz_readers.py CORPUS_FOLDER -max_total_time=60
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["monai_strainer.io", "pydicom"]):
    from monai_strainer.errors import InputError
    from monai_strainer.io import read

SCRATCH = Path(tempfile.mkdtemp())


def once(data: bytes) -> None:
    """Read the same bytes as DICOM, or as NIfTI where they begin like it."""
    file = SCRATCH / ("x.nii" if data[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c") else "x.dcm")
    file.write_bytes(data)
    with suppress(InputError):
        read(file, limit_bytes=2**24)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, once)
    atheris.Fuzz()
