# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A command loads less than the library and writes the same bytes; the collector of garbage is on again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from monai_strainer import Grid, Volume, write

LIBRARY = """
import sys
from pathlib import Path
from monai_strainer import load_prior
from monai_strainer.pipelines.file_options import FileOptions
from monai_strainer.pipelines.restore_file import restore_file
restore_file(Path(sys.argv[1]), Path(sys.argv[2]), load_prior(), FileOptions(scale=(1.0,)))
print("pydicom" in sys.modules)
"""
COMMAND = """
import gc, sys
from monai_strainer.cli import main
assert main(["restore", sys.argv[1], sys.argv[2], "--scale", "1", "--quiet"]) == 0
print("pydicom" in sys.modules, gc.isenabled(), gc.get_freeze_count() > 0)
import pydicom
"""


def test_the_quick_way_and_the_slow_one_write_the_same_bytes(tmp_path: Path) -> None:
    y = 100 + np.random.default_rng(0).random((24, 20, 1)).astype(np.float32)
    write(Volume(y, Grid(y.shape, np.eye(4)), slice_axis=2), tmp_path / "scan.nii.gz")
    said, written = [], []
    for number, code in enumerate((LIBRARY, COMMAND)):
        out = tmp_path / str(number) / "out.nii.gz"
        command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "scan.nii.gz"), str(out)]
        repeatable = os.environ | {"SOURCE_DATE_EPOCH": "0"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=repeatable)
        said.append(done.stdout.splitlines()[-1])
        written.append(out.read_bytes())
    assert said == ["True", "False True True"]
    assert written[0] == written[1]
