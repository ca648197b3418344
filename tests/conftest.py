# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What many tests share: real scans where there are any, and a phantom that is always there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume


def pytest_configure() -> None:
    """Refuse a folder that was named and is not the one: its tests would be skipped, and nobody would notice."""
    given = os.environ.get("STRAINER_DATA")
    if given and not (Path(given) / "oasis").is_dir():
        raise pytest.UsageError(f"STRAINER_DATA={given} holds no folder oasis/: name the folder that holds it")


@pytest.fixture(scope="session")
def oasis() -> Path:
    """The BIDS folder of real T1-weighted scans."""
    data = Path(os.environ.get("STRAINER_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (data / "oasis").is_dir():
        pytest.skip("no real scans: set STRAINER_DATA to the folder that holds oasis/")
    return data / "oasis"


@pytest.fixture(scope="session")
def phantom() -> Volume:
    """A smooth head on an oblique, anisotropic grid: white matter, a folded grey rim, dark ventricles, air of zeros."""
    shape, spacing = (40, 48, 32), np.array([2.0, 2.0, 3.0])
    turn, tilt = np.radians(12), np.radians(-7)
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x * spacing
    affine[:3, 3] = affine[:3, :3] @ (-(np.array(shape) - 1) / 2) + [3.0, -18.0, 11.0]
    x, y, z = np.meshgrid(*((2 * np.arange(n) + 1) / n - 1 for n in shape), indexing="ij", sparse=True)
    radius = np.sqrt((x / 0.75) ** 2 + (y / 0.85) ** 2 + (z / 0.8) ** 2)
    angle = np.arctan2(y / 0.85, x / 0.75)
    fold = 0.72 + 0.06 * np.cos(9 * angle) * np.sqrt(np.clip(1 - z**2, 0, 1))

    def inside(distance: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-distance / 0.03))

    head, white = inside(0.95 - radius), inside(fold - radius)
    ventricle = inside(0.2 - np.sqrt((2.2 * (np.abs(x) - 0.14)) ** 2 + y**2 + z**2))
    tissue = head * (550 + 350 * white) * (1 - 0.8 * ventricle) * (1 + 0.05 * y)
    return Volume(np.where(head > 0.02, tissue, 0).astype(np.float32), Grid(shape, affine))
