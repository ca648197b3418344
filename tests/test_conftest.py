# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A folder of real scans that was named and is not one stops the tests; without a name they are skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("given", "code"), [("here", 4), ("here/oasis", 4), ("", 0), ("there", 0)])
def test_real_scans_that_are_named_must_be_there(tmp_path: Path, given: str, code: int) -> None:
    (tmp_path / "here" / "oasis_other").mkdir(parents=True)
    (tmp_path / "there" / "oasis").mkdir(parents=True)
    environment = os.environ | {"STRAINER_DATA": str(tmp_path / given) if given else ""}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/test_errors.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code and ("holds no folder oasis/" in done.stderr) == (code == 4)
