# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Files that are no images any more are named: empty, cut off, packed, or only an index."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import SHAPE, series, stored

from monai_strainer.errors import InputError
from monai_strainer.io import find_series, read


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
