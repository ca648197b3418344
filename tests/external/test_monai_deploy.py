# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The operator of the docs in an application of the MONAI Deploy SDK: DICOM folder in, derived series out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pydicom
import pytest
from dicom_files import SHAPE, series

pytestmark = pytest.mark.external
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how_to" / "deploy_and_federate.md"


def test_an_application_makes_a_derived_series(tmp_path: Path) -> None:
    python = ROOT / ".venv-deploy" / "bin" / "python"
    if not python.exists():
        pytest.skip("the MONAI Deploy SDK is not installed: tests/external/install.sh")
    series(tmp_path / "in")
    command = [python, Path(__file__).with_name("deploy_app.py"), PAGE, tmp_path / "in", tmp_path / "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(word) for word in command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    assert f"restored: {tmp_path / 'out' / 'restored'}" in done.stdout
    made = [pydicom.dcmread(file) for file in sorted((tmp_path / "out" / "restored").glob("*.dcm"))]
    assert len(made) == SHAPE[2]
    source = pydicom.dcmread(next((tmp_path / "in").iterdir()))
    for image in made:
        assert image.ImageType[0] == "DERIVED" and image.StudyInstanceUID == source.StudyInstanceUID
        assert (image.Columns, image.Rows) == (2 * SHAPE[0], 2 * SHAPE[1])
