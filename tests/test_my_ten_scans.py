# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The commands of the tutorial "my ten scans" run as they stand, one after the other, on three small heads."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from monai_strainer import Grid, Volume, write
from monai_strainer.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tutorials" / "my_ten_scans.md"
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    for line in block.splitlines()
    if "my_prior" not in line  # those take hours
]


@pytest.fixture
def home(tmp_path: Path, phantom: Volume, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    part = phantom.data[::2, ::2, 4:28:3]
    grid = Grid(part.shape, phantom.grid.affine @ np.diag([2, 2, 3, 1]))
    for k in range(3):
        noisy = np.hypot(part * rng.uniform(0.9, 1.1) + 15 * rng.standard_normal(part.shape), 15)
        write(Volume(np.where(part > 0, noisy, 0), grid), tmp_path / f"my_scans/s{k}.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_every_command_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) == 5
    said = []
    for line in COMMANDS:
        assert main([*shlex.split(line, comments=True)[1:], "--device", "cpu"]) == 0, line
        said.append(capsys.readouterr().out)
    assert said[0].count("standard deviation") == 3
    assert said[1].splitlines()[-1].replace("3 of 3", "10 of 10") in PAGE.read_text()
    assert "| ours |" in said[3]
    for name in ("restored", "restored_own"):
        made = {file.name for file in (home / name).iterdir()}
        assert {"index.html", "summary.tsv", "s0.nii.gz", "s0_std.nii.gz", "s0.html", "s0.json"} <= made
