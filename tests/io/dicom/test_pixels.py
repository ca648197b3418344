# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Padding is no intensity: its bits mean what PixelRepresentation says, and a range of it has two ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_files import SHAPE, series, stored
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from monai_strainer.io import read

VALUE, LIMIT = 0x00280120, 0x00280121


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize(
    ("is_signed", "fill", "elements"),
    [
        (True, (-2000,), [(VALUE, "SS", -2000)]),
        (True, (-2000,), [(VALUE, "US", 63536)]),
        (True, (-2000, -1500), [(VALUE, "SS", -2000), (LIMIT, "SS", -1400)]),
        (True, (-2000, -1500), [(VALUE, "SS", -1400), (LIMIT, "SS", -2000)]),
        (True, (-2000, -1500), [(VALUE, "US", 63536), (LIMIT, "US", 64136)]),
        (True, (-1, 3000), [(VALUE, "SS", -1)]),
        (False, (63536,), [(VALUE, "US", 63536)]),
        (False, (63536,), [(VALUE, "SS", -2000)]),
        (False, (60000, 63536), [(VALUE, "US", 60000), (LIMIT, "US", 65535)]),
        (False, (60000, 63536), [(VALUE, "US", 65535), (LIMIT, "US", 60000)]),
    ],
)
def test_padding_takes_the_least_value(
    tmp_path: Path, is_signed: bool, fill: tuple[int, ...], elements: list[tuple[int, str, int]], syntax: str
) -> None:
    def change(k: int, image: Dataset) -> None:
        values = stored()[..., k].T.astype(np.int32)
        values[:, :2], values[0, 2:4] = fill[0], fill[-1]
        image.PixelRepresentation = int(is_signed)
        image.PixelData = values.astype("<i2" if is_signed else "<u2").tobytes()
        for tag, vr, value in elements:
            image.add(DataElement(tag, vr, value))
        image.file_meta.TransferSyntaxUID = syntax

    found = read(series(tmp_path / "s", change)).data
    assert found.shape == SHAPE
    values = {value for value in fill if not any(value == element[2] or len(elements) > 1 for element in elements)}
    unnamed = 3000 in values  # a value that no element names stays as it is
    assert (found[:2] == found.min()).all() and found.min() == stored()[4:].min()
    assert (found[2:4, 0] == (3000 if unnamed else found.min())).all()
    np.testing.assert_array_equal(found[4:], stored()[4:])


def test_a_slice_of_padding_alone_takes_the_least_value_of_the_others(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.PixelPaddingValue = -2000
        if k == 0:
            image.PixelData = np.full(SHAPE[1::-1], -2000, "<i2").tobytes()

    found = read(series(tmp_path / "s", change)).data
    assert (found[..., 0] == stored()[..., 1:].min()).all()
