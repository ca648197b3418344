# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""``restore``: does what it is asked, says what went wrong in one line, and never writes over anything."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from command_lines import head, restore
from phantoms import small_prior_with_detail

from monai_strainer import Grid, save_prior
from monai_strainer.cli import main


def test_a_scan_is_restored_with_deviation_and_record(scan: Path, prior: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.nii.gz"
    assert restore(scan, out, prior, "--std", "--report") == 0
    image = nib.load(out)
    assert image.shape == (40, 48, 10)
    corners = Grid(image.shape, image.affine).corners()
    np.testing.assert_allclose(corners, head().grid.corners(), atol=1e-3)
    assert nib.load(tmp_path / "out_std.nii.gz").shape == image.shape
    assert json.loads((tmp_path / "out.json").read_text())["scale"] == [2, 2, 1]


def test_the_same_command_gives_the_same_bytes(scan: Path, prior: Path, tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        assert restore(scan, tmp_path / name, prior, "--scale", "1") == 0
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_a_spacing_names_the_voxels_wanted(scan: Path, prior: Path, tmp_path: Path) -> None:
    assert restore(scan, tmp_path / "out.nii.gz", prior, "--spacing", "6,3,6") == 0
    np.testing.assert_allclose(nib.load(tmp_path / "out.nii.gz").header.get_zooms(), (6, 3, 6), atol=1e-4)


def test_a_folder_is_restored_scan_by_scan(scan: Path, prior: Path, tmp_path: Path) -> None:
    assert restore(scan.parent, tmp_path / "out", prior, "--scale", "2,2,1") == 0
    made = ["index.html", "scan.html", "scan.json", "scan.nii.gz", "summary.tsv", "summary.tsv.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == made


def test_nothing_is_written_over(scan: Path, prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.nii.gz").write_text("mine")
    assert restore(scan, tmp_path / "out.nii.gz", prior) == 3
    assert (tmp_path / "out.nii.gz").read_text() == "mine"
    said = capsys.readouterr().err
    assert "out.nii.gz" in said and "--overwrite" in said and "Traceback" not in said


@pytest.mark.parametrize("option", ["--mask", "--labels"])
def test_what_lies_beside_the_scan_is_not_replaced(
    option: str, scan: Path, prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = tmp_path / "beside.nii.gz"
    nib.save(nib.Nifti1Image(np.ones(head().grid.shape, np.int16), head().grid.affine), beside)
    before = beside.read_bytes()
    assert restore(scan, beside, prior, option, beside, "--overwrite") == 3
    assert "the input itself or takes its name" in capsys.readouterr().err and beside.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--scale", "0"), "--scale 0 is not above 0"),
        (("--scale", "0.5"), "would lower the resolution"),
        (("--scale", "2,2"), "2 numbers"),
        (("--spacing", "1,1"), "one per array axis"),
        (("--device", "abacus"), "no device"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    more: tuple[str, str], words: str, scan: Path, prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(scan, tmp_path / "out.nii.gz", prior, *more) == 3
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.nii.gz").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--sigma", "loud"), "'loud' is not a number"),
        (("--adapt", "many"), "invalid int value"),
        (("--noise", "pink"), "invalid choice"),
        (("--thicknes", "3mm"), "not a number"),
        (("--shininess", "3"), "unrecognized arguments"),
    ],
)
def test_a_command_line_that_is_wrong_leaves_with_2(
    more: tuple[str, str], words: str, scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["restore", str(scan), str(tmp_path / "out.nii.gz"), *more])
    assert leaving.value.code == 2 and words in capsys.readouterr().err


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    scan: Path, prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(scan, tmp_path / "out.nii.gz", prior, "--dry-run", "--scale", "2") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{scan.name}:") and "factors 2 x 2 x 1" in said and "standard deviation" in said
    assert list(tmp_path.glob("out*")) == []


def test_what_is_unusual_about_a_file_is_a_note_without_a_line_of_code(
    scan: Path, prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = nib.load(scan)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None), tmp_path / "nowhere.nii.gz")
    for more in ((), ("--dry-run",)):
        assert restore(tmp_path / "nowhere.nii.gz", tmp_path / "out.nii.gz", prior, "--scale", "1", *more) == 0
        said = "".join(capsys.readouterr())
        assert said.count("position are guessed") == 1 and "UserWarning" not in said and ".py:" not in said
    assert "output: out.nii.gz" in said


def test_a_dry_run_of_a_folder_names_what_cannot_be_restored(
    scan: Path, prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "good.nii.gz").write_bytes(scan.read_bytes())
    (folder / "bad.nii.gz").write_bytes(scan.read_bytes()[:50])
    assert restore(folder, tmp_path / "out", prior, "--dry-run") == 8
    said = capsys.readouterr().out
    assert "cannot be restored" in said and "factors 2 x 2 x 1" in said and not (tmp_path / "out").exists()


def test_an_output_among_the_inputs_is_refused(scan: Path, prior: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(scan.parent, scan.parent / "out", prior) == 3
    assert "inside the input" in capsys.readouterr().err


def test_a_missing_prior_is_refused(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(scan, tmp_path / "out.nii.gz", tmp_path / "nowhere") == 3
    assert "there is no models/model.pt in nowhere" in capsys.readouterr().err


def test_a_missing_scan_is_refused(prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(tmp_path / "no.nii.gz", tmp_path / "out.nii.gz", prior) == 3
    assert "does not exist" in capsys.readouterr().err


def test_the_ways_to_use_a_detail_prior(scan: Path, tmp_path: Path) -> None:
    save_prior(small_prior_with_detail(tail=0.01), tmp_path / "joint")
    for method in ("auto", "plug_and_play", "coordinates"):
        out = tmp_path / f"{method}.nii.gz"
        assert restore(scan, out, tmp_path / "joint", "--method", method, "--profile", "kspace", "--report") == 0
        record = json.loads((tmp_path / f"{method}.json").read_text())
        assert record["method"] == ("amortised" if method == "auto" else method)
        assert set(record["data"]) == {"residual", "whiteness", "undetermined"}
    thin = ("--scale", "1,1,2", "--profile", "gaussian", "--thickness", 8)
    assert restore(scan, tmp_path / "thin.nii.gz", tmp_path / "joint", *thin) == 0
    assert nib.load(tmp_path / "thin.nii.gz").shape == (20, 24, 20)


@pytest.mark.parametrize(("name", "more"), [("out.png", ()), ("out.nii.gz", ("--scale", "1e9"))])
def test_what_cannot_be_written_is_not_computed(
    name: str, more: tuple[str, ...], scan: Path, prior: Path, tmp_path: Path
) -> None:
    assert restore(scan, tmp_path / name, prior, *more) == 3
    assert not (tmp_path / name).exists()
