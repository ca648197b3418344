# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A command loads less than the library and writes the same bytes; within another program it changes nothing there."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monai_strainer import Grid, Volume, write
from monai_strainer.cli.loading import SPIN

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
import atexit, gc, sys
from monai_strainer.cli import run
def end():
    import pydicom
    print("pydicom" in before, gc.isenabled(), gc.get_freeze_count() > 0)
atexit.register(end)
atexit.register(lambda: globals().update(before=set(sys.modules)))
run(["restore", sys.argv[1], sys.argv[2], "--scale", "1", "--quiet"])
"""
WITHIN = """
import gc, os, sys
from pathlib import Path
from monai_strainer.cli import main
assert main(["restore", sys.argv[1], sys.argv[2], "--scale", "1", "--quiet"]) == 0
import nibabel.nifti1, torch
print(nibabel.nifti1.have_dicom, gc.get_freeze_count(), type(torch.export).__name__, "GOMP_SPINCOUNT" in os.environ)
"""


def test_the_quick_way_and_the_slow_one_write_the_same_bytes(tmp_path: Path) -> None:
    y = 100 + np.random.default_rng(0).random((24, 20, 1)).astype(np.float32)
    write(Volume(y, Grid(y.shape, np.eye(4)), slice_axis=2), tmp_path / "scan.nii.gz")
    said, written = [], []
    for number, code in enumerate((LIBRARY, COMMAND, WITHIN)):
        out = tmp_path / str(number) / "out.nii.gz"
        command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "scan.nii.gz"), str(out)]
        repeatable = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
        repeatable["SOURCE_DATE_EPOCH"] = "0"
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=repeatable)
        said.append(done.stdout.splitlines()[-1])
        written.append(out.read_bytes())
    assert said == ["True", "False True True", "True 0 module False"]
    assert written[0] == written[1] == written[2]


@pytest.mark.parametrize(
    ("own", "after"),
    [({}, SPIN), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_wait_a_short_time_unless_it_is_asked_otherwise(own: dict[str, str], after: str) -> None:
    code = (
        "import os, sys\n"
        "from monai_strainer.cli.loading import start\n"
        "start()\n"
        "print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    )
    rest = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run([sys.executable, "-c", code], env=rest | own, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{after} False"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another library hands out memory")
@pytest.mark.parametrize(("own", "few"), [({}, True), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, False)])
def test_memory_is_used_again_unless_it_is_asked_otherwise(own: dict[str, str], few: bool) -> None:
    code = (
        "import resource\n"
        "from monai_strainer.cli.loading import start\n"
        "start()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "size = 2**23\n"
        "len(b'x' * size)\n"
        "before = faults()\n"
        "for _ in range(9): len(b'x' * size)\n"
        "print(faults() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **own}, capture_output=True, check=True)
    assert (int(done.stdout) < 2**12) is few  # nine times 2^11 pages
