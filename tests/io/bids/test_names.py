# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""BIDS names: entities, suffixes, filters, and the names of derivatives."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.errors import InputError
from monai_strainer.pipelines.bids import named, read_filters


def test_factors_are_part_of_the_name() -> None:
    assert named("sub-1_T2w.nii.gz", (1.5,)) == "sub-1_res-x1p5_desc-strainer_T2w.nii.gz"
    assert named("sub-1_T2w.nii.gz", (2.0, 2.0, 1.0)) == "sub-1_res-x2x2x1_desc-strainer_T2w.nii.gz"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json", "this is no filter file"),
        ("[1]", "this is no filter file"),
        ('{"t1w": "mprage"}', "this is no filter file"),
        ('{"t1w": {"colour": "red"}}', "the filter colour is not known"),
    ],
)
def test_a_filter_file_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "filter.json").write_text(text)
    with pytest.raises(InputError, match=says):
        read_filters(tmp_path / "filter.json")
