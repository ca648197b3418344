# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The Snakemake example: two shares at once, a kill, and the same bytes as an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from phantoms import small_head, small_prior

from monai_strainer import save_prior, write
from monai_strainer.cli import main

pytestmark = pytest.mark.external
SNAKEFILE = Path(__file__).parents[2] / "examples" / "snakemake" / "Snakefile"


def test_a_killed_run_is_finished_by_the_next(program: Callable[[str], str], tmp_path: Path) -> None:
    own = Path(__file__).parents[2] / ".venv-snakemake" / "bin" / "snakemake"
    snakemake = str(own) if own.exists() else program("snakemake")
    for k in range(4):
        write(small_head(seed=k), tmp_path / "in" / f"scan{k}.nii.gz")
    save_prior(small_prior(), tmp_path / "bundle")
    options = "--scale 1 --steps 1 --device cpu"
    one = ["restore", str(tmp_path / "in"), str(tmp_path / "one"), "--prior", str(tmp_path / "bundle"), "--quiet"]
    assert main([*one, *options.split()]) == 0
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": place, "OMP_NUM_THREADS": "1"}
    settings = [f"scans={tmp_path}/in", f"out={tmp_path}/out", f"prior={tmp_path}/bundle", f"options={options}"]
    command = [snakemake, "-s", str(SNAKEFILE), "--cores", "2", "--directory", str(tmp_path)]
    command += ["--rerun-incomplete", "--nolock", "--quiet", "--config", *settings]
    first = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while first.poll() is None and time.monotonic() < until and not list(tmp_path.glob("out/*.nii.gz")):
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    images = [{f.name: f.read_bytes() for f in (tmp_path / name).glob("[!.]*.nii.gz")} for name in ("one", "out")]
    assert images[0] == images[1] and len(images[0]) == 4
