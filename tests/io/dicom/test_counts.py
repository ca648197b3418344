# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a transfer left out is named: empty and cut files, counts that disagree, numbers that are not there."""

from __future__ import annotations

import bz2
import gzip
import lzma
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import SHAPE, put, series, stored
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io import find_series, read
from monai_strainer.storage.provenance import record


def plain_names(folder: Path, name: str = "IM_{:04d}") -> Path:
    for k, file in enumerate(sorted(folder.glob("*.dcm"))):
        file.rename(folder / name.format(k))
    return folder


@pytest.mark.parametrize("name", ["IM_{:04d}", "1.2.840.{}", "{:03d}.dcm", "{:03d}.IMA"])
@pytest.mark.parametrize("content", [b"", b"x" * 60, bytes(4000)], ids=["empty", "cut off", "zeros"])
def test_a_file_named_like_an_image_is_missed(tmp_path: Path, name: str, content: bytes) -> None:
    folder = plain_names(series(tmp_path / "s"), name)
    for k in (8, 9):
        (folder / name.format(k)).write_bytes(content)
    with pytest.raises(InputError, match=name.format(8).replace(".", r"\.")):
        read(folder)


@pytest.mark.parametrize("share", [0.07, 0.2, 0.4, 0.6, 0.9])
@pytest.mark.filterwarnings("ignore")
def test_an_image_cut_off_anywhere_is_missed(tmp_path: Path, share: float) -> None:
    folder = plain_names(series(tmp_path / "s"))
    whole = (folder / "IM_0000").read_bytes()
    (folder / "IM_0000").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="IM_0000"):
        read(folder)


def test_an_empty_file_of_another_name_is_a_warning(tmp_path: Path) -> None:
    folder = plain_names(series(tmp_path / "s"))
    (folder / "complete").touch()
    with pytest.warns(UserWarning, match="an empty file was passed over"):
        assert read(folder).data.shape == SHAPE


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


@pytest.mark.parametrize(
    ("suffix", "packed", "remedy"),
    [(".gz", gzip.compress, "gunzip"), (".bz2", bz2.compress, "bunzip2"), (".xz", lzma.compress, "unxz")],
)
def test_a_packed_file_says_how_it_is_unpacked(
    tmp_path: Path, suffix: str, packed: Callable[[bytes], bytes], remedy: str
) -> None:
    folder = series(tmp_path / "s")
    for file in folder.glob("*.dcm"):
        (folder / f"{file.name}{suffix}").write_bytes(packed(file.read_bytes()))
        file.unlink()
    assert find_series(tmp_path) == [folder]
    for path in (folder, folder / f"00.dcm{suffix}"):
        with pytest.raises(InputError, match=f"00\\.dcm.*DICOM packed with .* {remedy} first"):
            read(path)


def test_an_archive_says_how_it_is_unpacked(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        archive.write(folder / "00.dcm", "a/00.dcm")
    with pytest.raises(InputError, match=r"scan\.zip: the file is DICOM packed with zip\. Unpack it with unzip first"):
        read(tmp_path / "scan.zip")


@pytest.mark.parametrize("has_images", [True, False])
def test_an_index_of_a_disc_says_what_to_pass(tmp_path: Path, has_images: bool) -> None:
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"\2\0\0\0UL\4\0\0\0\0\0")
    with pytest.raises(InputError, match=r"a DICOMDIR, which only lists .* Pass the folder that holds the images"):
        read(tmp_path / "DICOMDIR")
    if has_images:
        series(tmp_path / "IMAGES")
        np.testing.assert_array_equal(read(tmp_path).data, stored())
    else:
        with pytest.raises(InputError, match="a DICOMDIR, which only lists"):
            read(tmp_path)


def test_a_series_torn_into_many_says_how_it_is_mended(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.SeriesInstanceUID = f"1.2.3.{k}"

    with pytest.raises(InputError, match=r"8 images .* have a SeriesInstanceUID .* each\. .*dcmodify") as calls:
        read(series(tmp_path / "s", change))
    assert "--series-uid" not in str(calls.value)
