# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Short names: one per identifier and queue, and of no use elsewhere."""

from __future__ import annotations

from pathlib import Path

from dicom_queue import SLICES, Machine


def test_short_names_are_those_of_the_queue_and_mean_nothing_elsewhere(machine: Machine, tmp_path: Path) -> None:
    assert Machine(tmp_path).store(SLICES[0]) == machine.store(SLICES[0]) != Machine(tmp_path / "b").store(SLICES[0])
