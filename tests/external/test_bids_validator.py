# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the BIDS validator says of our derivatives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from phantoms import small_prior

from monai_strainer import save_prior
from monai_strainer.cli import main

pytestmark = pytest.mark.external


@pytest.mark.parametrize("scale", ["1", "2"])
def test_derivatives_have_no_error(oasis: Path, program: Callable[[str], str], tmp_path: Path, scale: str) -> None:
    beside = Path(sys.executable).with_name("bids-validator-deno")
    validator = str(beside) if beside.exists() else program("bids-validator-deno")
    raw = tmp_path / "raw"
    name = "sub-1012/anat/sub-1012_T1w"
    (raw / name).parent.mkdir(parents=True)
    shutil.copy(oasis / f"{name}.nii.gz", raw / f"{name}.nii.gz")
    for extra in ("dataset_description.json", f"{name}.json"):
        if (oasis / extra).exists():
            shutil.copy(oasis / extra, raw / extra)
    save_prior(small_prior(), tmp_path / "bundle")
    out = raw / "derivatives" / "monai_strainer"
    words = ["bids", str(raw), str(out), "participant", "--scale", scale, "--prior", str(tmp_path / "bundle")]
    assert main([*words, "--std", "--steps", "0", "--method", "coordinates", "--quiet", "--device", "cpu"]) == 0
    done = subprocess.run([validator, str(out), "--json"], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    errors = [issue for issue in issues if issue["severity"] == "error"]
    assert not errors, errors
    assert done.returncode == 0
