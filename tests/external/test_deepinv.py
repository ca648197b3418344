# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The deepinv adapter beside the real deepinv, which lives in an environment of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.external
ROOT = Path(__file__).parents[2]


def test_the_adapter_obeys_its_laws_beside_the_real_deepinv() -> None:
    python = ROOT / ".venv-deepinv" / "bin" / "python"
    if not python.exists():
        pytest.skip("deepinv is not installed: tests/external/install.sh")
    command = [str(python), "-m", "pytest", "tests/adapters", "-p", "no:cacheprovider", "-rs"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "deepinv is not installed" not in done.stdout
