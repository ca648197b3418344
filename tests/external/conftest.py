# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Programs of other people: found, or their tests are skipped with the reason."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

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
def pacs(program: Callable[[str], str]) -> Callable[..., AbstractContextManager[str]]:
    """Orthanc with its files in a folder, on two ports of this machine; gives its address."""

    @contextmanager
    def start(folder: Path, http: int, peer: int, **more: Any) -> Iterator[str]:
        settings = {
            "Name": "test",
            "StorageDirectory": str(folder / "store"),
            "IndexDirectory": str(folder / "store"),
            "HttpPort": http,
            "DicomPort": peer,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            **more,
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        process = subprocess.Popen(
            [program("Orthanc"), str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{http}"
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"{url}/system", timeout=1).read()
                    break
                except OSError:
                    time.sleep(0.1)
            else:
                pytest.skip("Orthanc does not answer")
            yield url
        finally:
            process.terminate()
            process.wait(10)

    return start


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
