# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The benchmark of accelerators goes through all its parts where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_accelerator_benchmark_goes_through() -> None:
    pytest.importorskip("siren_pytorch")
    pytest.importorskip("nilearn")
    command = [sys.executable, str(ROOT / "benchmarks" / "accelerator.py"), "--device", "cpu", "--tiny"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for part in ("siren-pytorch", "muon, recorded", "launched piece by piece", "pretraining", "restore, default, x2"):
        assert part in told
