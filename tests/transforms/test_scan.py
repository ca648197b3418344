# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""DICOM series through the bundle's transforms: found, loaded, saved beside nothing that names a patient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from dicom_files import SHAPE, series, stored
from monai.data import MetaTensor

from monai_strainer.errors import InputError
from monai_strainer.io import read
from monai_strainer.transforms import LoadScand, SaveScan, SaveScand, scan
from monai_strainer.transforms.scan import scan_list

pytestmark = pytest.mark.filterwarnings("ignore")


def named(values: torch.Tensor, **meta: object) -> MetaTensor:
    """Return an image that says what file it is from."""
    return MetaTensor(values, meta={"filename_or_obj": "scan.nii.gz", **meta})


def test_every_folder_of_a_series_is_a_scan(tmp_path: Path) -> None:
    for name in ("b", "a"):
        series(tmp_path / name / "deep")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "notes.txt").write_text("no image")
    assert [Path(item["image"]).parent.name for item in scan_list(str(tmp_path))] == ["a", "b"]
    with pytest.raises(InputError, match="neither NIfTI nor DICOM"):
        scan_list(str(tmp_path / "c"))


def test_a_series_comes_back_as_a_series(tmp_path: Path) -> None:
    series(tmp_path / "SECRET_NAME")
    (item,) = scan_list(str(tmp_path / "SECRET_NAME"), output_dir=str(tmp_path / "out"))
    image = LoadScand("image")(item)["image"]
    assert image.shape == (1, *SHAPE) and image.meta["slice_axis"] == 2
    both = MetaTensor(torch.cat([image, torch.ones_like(image)]), meta=dict(image.meta))
    both.affine = image.affine
    report = {"task": "denoising", "scale": [1, 1, 1], "seed": 0, "warnings": []}
    both.meta["strainer_report"] = json.dumps(report)
    SaveScand("image", str(tmp_path / "out"), data_root=str(tmp_path / "SECRET_NAME"))({"image": both})
    (made,) = (tmp_path / "out").iterdir()
    assert made.name.startswith("dicom-") and "SECRET" not in str(made.relative_to(tmp_path))
    again = read(made / "MR00004.dcm")
    assert again.data.shape[:2] == SHAPE[:2] and len(list((made / "std").glob("*.dcm"))) == SHAPE[2]
    images = [pydicom.dcmread(file).pixel_array.T for file in sorted(made.glob("*.dcm"))]
    np.testing.assert_array_equal(np.stack(images, -1), stored())
    assert json.loads((made / "monai_strainer.json").read_text())["input"]["name"].startswith("dicom-")


def test_a_scan_is_read_once_on_its_way_through_a_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    monkeypatch.setattr(scan, "read", lambda path, **choice: reads.append(path) or read(path, **choice))
    series(tmp_path / "in")
    (item,) = scan_list(str(tmp_path / "in"), output_dir=str(tmp_path / "out"))
    image = LoadScand("image")(item)["image"]
    SaveScand("image", str(tmp_path / "out"))({"image": image})
    assert len(reads) == 1
    SaveScand("image", str(tmp_path / "again"))({"image": image})  # as a process does that did not load it
    assert len(reads) == 2


def test_where_scans_come_from_is_kept_for_few_of_them(tmp_path: Path) -> None:
    for k in range(2 * scan._MOST_RECENT):
        scan._remember(tmp_path / str(k), {}, object())
    assert len(scan._recent) == scan._MOST_RECENT


# bad input


@pytest.mark.parametrize(
    ("image", "finding"),
    [
        (torch.zeros(1, 4, 4, 4), "what file it is from"),
        (MetaTensor(torch.zeros(1, 4, 4, 4)), "what file it is from"),
        (named(torch.zeros(3, 4, 4, 4)), "shape"),
        (named(torch.zeros(1, 4, 4)), "shape"),
        (named(torch.zeros(1, 1, 4, 4, 4)), "shape"),
        (named(torch.full((1, 4, 4, 4), torch.nan)), "not finite"),
        (named(torch.zeros(1, 4, 4, 4), volume="two"), "volume 'two' is no whole number"),
    ],
)
def test_an_image_that_cannot_be_saved_is_refused_and_nothing_written(
    image: torch.Tensor, finding: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=finding):
        SaveScan(str(tmp_path))(image)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("postfix", ["", "a/b"])
def test_a_postfix_that_is_no_part_of_a_name_is_refused(postfix: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a postfix of"):
        SaveScan(str(tmp_path), postfix=postfix)
