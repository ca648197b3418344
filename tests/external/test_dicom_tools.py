# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What dicom3tools, dcm2niix and Orthanc say of the series we write."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_files import finer

from monai_strainer.geometry import Grid
from monai_strainer.io import DicomForm, read, write

pytestmark = [pytest.mark.external, pytest.mark.filterwarnings("ignore")]
Made = Callable[[str, tuple[int, int, int]], tuple[Path, Path]]
Find = Callable[[str], str]
Pacs = Callable[..., AbstractContextManager[str]]
CASES = [(name, factors) for name in ("ge", "structural", "enhanced") for factors in ((1, 1, 1), (2, 2, 1), (1, 1, 2))]
HTTP, PEER = 18042, 14242


def messages(program: str, file: Path) -> set[str]:
    done = subprocess.run([program, "-new", str(file)], capture_output=True, text=True)
    assert done.returncode >= 0, "it died of a signal"
    return {line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("Error", "Warning"))}


@pytest.mark.parametrize(("name", "factors"), CASES)
def test_dciodvfy_says_nothing_new(name: str, factors: tuple[int, int, int], made: Made, program: Find) -> None:
    check, (source, out) = program("dciodvfy"), made(name, factors)
    before = messages(check, sorted(source.iterdir())[0])
    for folder in (out, out / "std"):
        files = sorted(folder.glob("*.dcm"))
        assert messages(check, files[0]) | messages(check, files[-1]) <= before


NUMBERED = re.compile(r"\[\d+\]")  # of a frame: a result may have more frames than its source


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 1), (1, 1, 2)])
def test_dciodvfy_says_nothing_new_of_an_enhanced_file(
    factors: tuple[int, int, int], made: Made, program: Find, tmp_path: Path
) -> None:
    check, (source, _) = program("dciodvfy"), made("enhanced", (1, 1, 1))
    out = finer(read(source), factors)
    report = {"task": "super-resolution", "scale": list(factors), "method": "amortised", "seed": 0, "warnings": []}
    write(out, tmp_path / "out", report=report, std=out.data * np.float32(0.01), dicom=DicomForm(enhanced=True))
    before = {NUMBERED.sub("", line) for line in messages(check, sorted(source.iterdir())[0])}
    for file in (tmp_path / "out").rglob("MR*.dcm"):
        assert {NUMBERED.sub("", line) for line in messages(check, file)} <= before


LATERALITY = "Warning - </Laterality(0020,0060)>"  # is empty, since the source does not name the part of the body


@pytest.mark.parametrize("name", ["ge", "structural", "enhanced"])
def test_dciodvfy_accepts_the_parametric_map(name: str, made: Made, program: Find, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    check, (source, _) = program("dciodvfy"), made(name, (1, 1, 1))
    out = finer(read(source), (2, 2, 2))
    report = {"task": "super-resolution", "scale": [2, 2, 2], "method": "amortised", "seed": 0, "warnings": []}
    write(out, tmp_path / "out", report=report, std=out.data * np.float32(0.01), dicom=DicomForm(parametric_map=True))
    found = messages(check, tmp_path / "out" / "std" / "PM00001.dcm")
    assert {line for line in found if not line.startswith(LATERALITY)} <= messages(check, sorted(source.iterdir())[0])


@pytest.mark.parametrize(("name", "factors"), CASES[:6])
def test_dcentvfy_finds_source_and_result_consistent(
    name: str, factors: tuple[int, int, int], made: Made, program: Find
) -> None:
    check, (source, out) = program("dcentvfy"), made(name, factors)
    before = subprocess.run([check, *map(str, source.iterdir())], capture_output=True, text=True).stderr
    after = subprocess.run([check, *map(str, [*source.iterdir(), *out.rglob("*.dcm")])], capture_output=True, text=True)
    assert {line for line in after.stderr.splitlines() if line.startswith("Error")} <= set(before.splitlines())


def edges(folder: Path, program: str, scratch: Path) -> np.ndarray:
    """The sorted corners of the field of view as dcm2niix sees it."""
    scratch.mkdir()
    subprocess.run([program, "-z", "n", "-f", "x", "-o", str(scratch), str(folder)], check=True, capture_output=True)
    (file,) = scratch.glob("*.nii")
    image = nib.load(file)
    corners = Grid(image.shape[:3], image.affine).corners()
    return corners[np.lexsort(corners.round(2).T)]


@pytest.mark.parametrize("name", ["ge", "structural", "enhanced"])
@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 1), (2, 2, 2)])
def test_dcm2niix_sees_the_edges_where_they_were(
    name: str, factors: tuple[int, int, int], made: Made, program: Find, tmp_path: Path
) -> None:
    tool, (source, out) = program("dcm2niix"), made(name, factors)
    for file in (out / "std").iterdir():
        file.unlink()
    before, after = edges(source, tool, tmp_path / "a"), edges(out, tool, tmp_path / "b")
    np.testing.assert_allclose(after, before, atol=0.02)
    ours = read(out).grid.corners()
    np.testing.assert_allclose(ours[np.lexsort(ours.round(2).T)], after, atol=0.02)


@pytest.fixture(scope="module")
def orthanc(
    pacs: Callable[..., AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A PACS of our own, on ports of its own."""
    plugins = [str(path) for path in Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb.so*")][:1]
    with pacs(tmp_path_factory.mktemp("orthanc"), HTTP, PEER, Plugins=plugins, DicomWeb={"Enable": True}) as url:
        yield url


def asked(url: str, data: bytes | None = None, kind: str = "application/json") -> bytes:
    request = urllib.request.Request(url, data=data, headers={"Accept": kind} if data is None else {})
    return bytes(urllib.request.urlopen(request, timeout=30).read())


def test_an_archive_takes_the_series_and_gives_it_back(orthanc: str, made: Made, tmp_path: Path) -> None:
    source, out = made("ge", (2, 2, 1))
    for file in [*source.iterdir(), *out.rglob("*.dcm")]:
        assert json.loads(asked(f"{orthanc}/instances", file.read_bytes()))["Status"] == "Success"
    studies = json.loads(asked(f"{orthanc}/studies"))
    assert len(studies) == 1 and len(json.loads(asked(f"{orthanc}/studies/{studies[0]}"))["Series"]) == 3
    for file in sorted(out.glob("*.dcm"))[:3]:
        image = pydicom.dcmread(file)
        query = json.dumps({"Level": "Instance", "Query": {"SOPInstanceUID": str(image.SOPInstanceUID)}}).encode()
        (found,) = json.loads(asked(f"{orthanc}/tools/find", query))
        (tmp_path / "back.dcm").write_bytes(asked(f"{orthanc}/instances/{found}/file"))
        np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "back.dcm").pixel_array, image.pixel_array)


def test_dicomweb_finds_and_retrieves_the_series(orthanc: str, made: Made) -> None:
    _, out = made("ge", (2, 2, 1))
    image = pydicom.dcmread(sorted(out.glob("*.dcm"))[0])
    edge, parts = b"edge-of-a-part", b""
    for file in sorted(out.glob("*.dcm")):  # STOW-RS
        parts += b"--" + edge + b"\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n"
    request = urllib.request.Request(
        f"{orthanc}/dicom-web/studies",
        data=parts + b"--" + edge + b"--",
        headers={
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={edge.decode()}',
            "Accept": "application/dicom+json",
        },
    )
    try:
        assert urllib.request.urlopen(request, timeout=30).status == 200
    except urllib.error.HTTPError as error:
        if error.code == 404:
            pytest.skip("Orthanc has no DICOMweb plugin")
        raise
    found = json.loads(asked(f"{orthanc}/dicom-web/series?SeriesInstanceUID={image.SeriesInstanceUID}"))  # QIDO-RS
    assert len(found) == 1
    place = f"studies/{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}/instances/{image.SOPInstanceUID}"
    body = asked(f"{orthanc}/dicom-web/{place}", kind='multipart/related; type="application/dicom"')  # WADO-RS
    assert image.PixelData in body
