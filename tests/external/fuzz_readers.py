# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Coverage-guided fuzzing of the readers of scans and priors: nothing but InputError may escape.

Needs atheris, and a folder of small .dcm, .nii and .pt files to begin with; test_fuzz.py makes one. By hand, longer:

python tests/external/fuzz_readers.py CORPUS_FOLDER -max_total_time=600
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["monai_strainer.io", "monai_strainer.priors.store", "pydicom"]):
    from monai_strainer.errors import InputError
    from monai_strainer.io import read
    from monai_strainer.priors.prior import Prior
    from monai_strainer.priors.store import RULES, load_prior, save_prior

SCRATCH = Path(tempfile.mkdtemp())
RECORD = save_prior(Prior.cold(0, hidden_channels=16), SCRATCH).record
NIFTI = (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")  # 348 and 540, both byte orders


def once(data: bytes) -> None:
    """Read the same bytes as what they begin like: weights, NIfTI 1 or 2, else DICOM."""
    with suppress(InputError):
        if data[:2] == b"PK":
            file = SCRATCH / "models" / "model.pt"
            file.write_bytes(data)
            listed = {**RECORD, "sha256": hashlib.sha256(data).hexdigest()}  # the loader itself is to refuse
            (SCRATCH / RULES).write_text(json.dumps(listed))
            load_prior(SCRATCH)
        else:
            file = SCRATCH / ("x.nii" if data[:4] in NIFTI else "x.dcm")
            file.write_bytes(data)
            read(file, limit_bytes=2**24)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, once)
    atheris.Fuzz()
