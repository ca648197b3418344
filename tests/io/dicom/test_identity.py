# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Which image some bytes are: read without pixels, and damaged bytes are refused and nothing else."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import pytest
from dicom_files import slice_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io.dicom.identity import Identity, identify, readable_syntaxes


def bytes_of(image: Dataset) -> bytes:
    buffer = BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


WHOLE = bytes_of(slice_of(0))


def test_an_image_says_which_it_is() -> None:
    image = slice_of(0)
    assert identify(WHOLE) == Identity(str(image.SeriesInstanceUID), str(image.SOPInstanceUID), True, False)


def test_a_multi_frame_image_is_no_slice_and_a_result_is_known() -> None:
    image = slice_of(0)
    image.SOPClassUID += ".1"
    machine = Dataset()
    machine.ManufacturerModelName = "monai_strainer"
    image.ContributingEquipmentSequence = [Dataset(), machine]
    found = identify(bytes_of(image))
    assert not found.is_slice and found.is_result


@pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "SOPInstanceUID"])
def test_an_image_without_its_names_is_refused(keyword: str) -> None:
    image = slice_of(0)
    delattr(image, keyword)
    with pytest.raises(InputError, match=keyword):
        identify(bytes_of(image))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1500), st.binary(min_size=1, max_size=8), st.integers(0, len(WHOLE)))
def test_damaged_bytes_are_read_or_refused(place: int, noise: bytes, end: int) -> None:
    damaged = (WHOLE[:place] + noise + WHOLE[place + len(noise) :])[:end]
    with suppress(InputError):  # anything else fails
        assert identify(damaged).series


def test_what_cannot_be_decoded_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    from monai_strainer.io.dicom import identity

    offered = readable_syntaxes()
    assert offered[0] == "1.2.840.10008.1.2.1" and "1.2.840.10008.1.2.5" in offered  # explicit, run length

    class No:
        is_available = False

    monkeypatch.setattr(identity, "get_decoder", lambda syntax: No)
    assert identity.readable_syntaxes() == offered[:2]
