# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a transfer left out is named: counts that disagree, and numbers that are not there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import put, series, stored
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io import read
from monai_strainer.storage.provenance import record


def numbers(*gone: int) -> Callable[[int, Dataset], None]:
    left = [number for number in range(1, 30) if number not in gone]
    return lambda k, image: setattr(image, "InstanceNumber", left[k])


def philips(k: int, image: Dataset) -> None:
    image.add_new(0x20010010, "LO", "Philips Imaging DD 001")
    image.add_new(0x20011018, "SL", 12)


def ge(k: int, image: Dataset) -> None:
    image.add_new(0x00250010, "LO", "GEMS_SERS_01")
    image.add_new(0x00251007, "SL", 12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("ImagesInAcquisition", 12), "ImagesInAcquisition .* says 12 images, 8 are here: 4 may be missing"),
        (put("NumberOfTemporalPositions", 3), "NumberOfTemporalPositions .* says 3 times, 1 are here"),
        (put("NumberOfSlices", 12), "NumberOfSlices .* says 12 slices, 8 are here"),
        (put("NumberOfSeriesRelatedInstances", 12), "says 12 files, 8 are here"),
        (put("InConcatenationTotalNumber", 2), "says 2 parts, 1 are here"),
        (philips, "of Philips says 12 slices, 8 are here"),
        (ge, "of GE says 12 images, 8 are here"),
        (numbers(3, 6, 7), r"InstanceNumber .* 3, 6 to 7 is not there"),
        (numbers(1, 2), r"InstanceNumber .* 1 to 2 is not there"),
    ],
)
def test_a_count_that_disagrees_is_a_warning_in_the_record(
    tmp_path: Path, change: Callable[[int, Dataset], None], words: str
) -> None:
    with pytest.warns(UserWarning, match=words):
        scan = read(series(tmp_path / "s", change))
    assert len(record({}, source=scan.source)["warnings"]) == 1


@pytest.mark.parametrize("change", [put("ImagesInAcquisition", 8), put("ImagesInAcquisition", 4), numbers(), philips])
def test_counts_that_agree_are_no_news(tmp_path: Path, change: Callable[[int, Dataset], None]) -> None:
    def agree(k: int, image: Dataset) -> None:
        change(k, image)
        if (0x2001, 0x1018) in image:
            image[0x2001, 0x1018].value = 8

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read(series(tmp_path / "s", agree)).data, stored())


def test_a_series_split_into_many_says_how_it_is_repaired(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.SeriesInstanceUID = f"1.2.3.{k}"

    with pytest.raises(InputError, match=r"8 images .* have a SeriesInstanceUID .* each\. .*dcmodify") as caught:
        read(series(tmp_path / "s", change))
    assert "--series-uid" not in str(caught.value)
