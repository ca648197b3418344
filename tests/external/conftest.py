# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Programs of other people: found, or their tests are skipped with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import finer

from monai_strainer.io import read, write

collect_ignore = ["fuzz_readers.py", "deploy_app.py"]  # run by hand, with atheris; and by the SDK


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """The path of a program by its name."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed: tests/external/install.sh")
        return path

    return find


@pytest.fixture(scope="session")
def made(
    oasis: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, tuple[int, int, int]], tuple[Path, Path]]:
    """A real series and a derived one, by the name of the source and the factors."""
    home = oasis.parent / "dicom"
    sources = {
        "ge": sorted((home / "ge_sagittal").glob("*.dcm"))[90:98],
        "structural": sorted((home / "structural").glob("*.dcm"))[100:106],
        "enhanced": [home / "enhanced" / "Siemens" / "XA10" / "6_1.dcm"],
    }

    def make(name: str, factors: tuple[int, int, int]) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp(name)
        (folder / "in").mkdir()
        for file in sources[name]:
            shutil.copy(file, folder / "in")
        out = finer(read(folder / "in"), factors)
        task = "super-resolution" if max(factors) > 1 else "denoising"
        report = {"task": task, "scale": list(factors), "method": "amortised", "seed": 0, "warnings": []}
        write(out, folder / "out", report=report, std=np.abs(out.data) * np.float32(0.01))
        return folder / "in", folder / "out"

    return make
