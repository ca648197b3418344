# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What decides a result stands in its configuration, and patients do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from phantoms import small_prior

from monai_strainer import InputError, RestoreOptions
from monai_strainer.pipelines.file_options import FileOptions, Outputs, scale_of


def test_every_option_changes_the_configuration_and_a_series_is_a_hash(tmp_path: Path) -> None:
    prior, plain, mask = small_prior(), FileOptions(), tmp_path / "m.nii.gz"
    mask.write_bytes(b"mask")
    uid = "1.2.840.99.4711"
    changed = [
        replace(plain, scale=(1.0,)),
        replace(plain, spacing=(1.0, 1.0, 1.0)),
        replace(plain, restore=RestoreOptions(seed=1)),
        replace(plain, series_uid=uid),
        replace(plain, volume=2),
        replace(plain, form="qform"),
        replace(plain, mask=mask),
    ]
    found = [str(one.configuration(prior)) for one in (plain, *changed)]
    assert len(set(found)) == len(found) and uid not in "".join(found)
    assert plain.configuration(replace(prior, digest="ab12"))["prior_sha256"] == "ab12"


def test_endings_are_those_of_the_maps_that_are_asked_for() -> None:
    assert Outputs().endings == () and Outputs(parametric_map=True).endings == ("std",)
    every = Outputs(std=True, residual=True, mask=True, labels=Path("l.nii"))
    assert every.endings == ("std", "residual", "mask", "labels")


def test_a_spacing_needs_three_numbers_and_refines_alone() -> None:
    assert scale_of((1.0, 2.0, 5.0), (2.0, 1.0, 1.0)) == (1, 2, 5)
    with pytest.raises(InputError, match="one per array axis"):
        scale_of((1.0, 2.0, 5.0), (1.0, 1.0))


def test_a_label_map_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the label map cannot be read"):
        Outputs(labels=tmp_path / "none.nii.gz").configuration()
