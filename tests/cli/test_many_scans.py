# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Many scans by one command: several files, patterns, 4-D files, masks, label maps, residuals, lines of JSON."""

from __future__ import annotations

import csv
import gc
import json
import weakref
from pathlib import Path
from typing import Any

import jsonschema
import nibabel as nib
import numpy as np
import pytest
from dicom_files import series as dicom_series
from numpy.typing import NDArray
from phantoms import small_head, small_prior_with_detail

from benchmarks.report_page import LINE, SCHEMA
from monai_strainer import Volume, save_prior, write
from monai_strainer.cli import main
from monai_strainer.io import Attached
from monai_strainer.pipelines import restore_file as files

SHAPE = (22, 26, 6)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior")
    save_prior(small_prior_with_detail(), folder)
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two people, two contrasts."""
    for k, name in enumerate(("01/T1w", "01/T2w", "02/T1w")):
        write(small_head(SHAPE, seed=k), tmp_path / "study" / f"{name}.nii.gz")
    return tmp_path / "study"


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A 4-D file of three volumes that are very different, as of a diffusion series."""
    volumes = [small_head(SHAPE, noise, seed) for seed, noise in enumerate((5.0, 20.0, 40.0))]
    data = np.stack([one.data * factor for one, factor in zip(volumes, (1.0, 0.4, 0.1))], -1)
    image = nib.Nifti1Image(data.astype(np.float32), volumes[0].grid.affine)
    image.header.set_zooms((*image.header.get_zooms()[:3], 2.5))
    nib.save(image, tmp_path / "dwi.nii.gz")
    return tmp_path / "dwi.nii.gz"


def restore(bundle: Path, *words: object) -> int:
    quick = ["--prior", bundle, "--adapt", "0", "--device", "cpu", "--scale", "1"]
    return main([str(word) for word in ["restore", *words, *quick]])


def voxels(path: Path) -> NDArray[np.float32]:
    return np.asarray(nib.load(path).dataobj)


def images(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.nii.gz"))


def test_a_session_of_several_contrasts_is_one_command(bundle: Path, study: Path, tmp_path: Path) -> None:
    assert restore(bundle, study / "01" / "T1w.nii.gz", study / "01" / "T2w.nii.gz", tmp_path / "out") == 0
    assert images(tmp_path / "out") == ["T1w.nii.gz", "T2w.nii.gz"]


def test_a_pattern_stands_for_its_files_and_folders_are_kept(bundle: Path, study: Path, tmp_path: Path) -> None:
    assert restore(bundle, study / "*" / "T1w.nii.gz", tmp_path / "out") == 0
    assert images(tmp_path / "out") == ["01/T1w.nii.gz", "02/T1w.nii.gz"]


def test_a_file_and_a_folder_are_restored_together(bundle: Path, study: Path, tmp_path: Path) -> None:
    assert restore(bundle, study / "02" / "T1w.nii.gz", study / "01", tmp_path / "out") == 0
    assert images(tmp_path / "out") == ["01/T1w.nii.gz", "01/T2w.nii.gz", "02/T1w.nii.gz"]


def test_one_scan_may_go_into_a_folder_as_well(bundle: Path, study: Path, tmp_path: Path) -> None:
    assert restore(bundle, study / "01" / "T1w.nii.gz", tmp_path / "out") == 0  # a pattern of the shell may match one
    assert images(tmp_path / "out") == ["T1w.nii.gz"]


def test_several_scans_and_no_folder_are_refused(bundle: Path, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scans = sorted(study.rglob("*.nii.gz"))
    before = [scan.read_bytes() for scan in scans]
    assert restore(bundle, *scans, "--overwrite") == 3
    assert "Name the output folder last" in capsys.readouterr().err
    assert [scan.read_bytes() for scan in scans] == before


def test_a_pattern_without_files_is_refused(
    bundle: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(bundle, study / "*" / "PDw.nii.gz", tmp_path / "out") == 3
    assert "no file matches PDw.nii.gz" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_one_bad_scan_ends_no_other_and_every_scan_has_a_line_of_json(
    bundle: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "01" / "T2w.nii.gz").write_bytes(b"no image")
    words = [study / "*" / "*.nii.gz", tmp_path / "out", "--json"]
    assert restore(bundle, *words) == 8
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in lines:
        jsonschema.validate(line, json.loads(LINE.read_text()))
    assert [line["status"] for line in lines] == ["done", "failed", "done"]
    assert "gzip" in lines[1]["message"] and all((tmp_path / "out" / lines[k]["output"]).exists() for k in (0, 2))
    record = json.loads((tmp_path / "out" / "01" / "T1w.json").read_text())
    assert lines[0]["noise_sigma"] == record["noise"]["sigma"] and lines[0]["warnings"] == record["warnings"]
    assert restore(bundle, *words) == 8  # a skipped scan has the numbers of its record
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in again] == ["skipped", "failed", "skipped"]
    assert again[0]["noise_sigma"] == lines[0]["noise_sigma"]


def test_a_dry_run_of_several_files_prints_plans_as_lines_of_json(
    bundle: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(bundle, *sorted(study.rglob("*.nii.gz")), tmp_path / "out", "--dry-run", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["planned"] * 3 and "standard deviation" in lines[0]["message"]
    assert not (tmp_path / "out").exists()


def test_every_volume_of_a_4d_file_is_restored_by_itself(bundle: Path, series: Path, tmp_path: Path) -> None:
    assert restore(bundle, series, tmp_path / "all.nii.gz", "--std", "--report") == 0
    made = nib.load(tmp_path / "all.nii.gz")
    assert made.shape == (*SHAPE, 3) and made.header.get_zooms()[3] == 2.5
    record = json.loads((tmp_path / "all.json").read_text())
    jsonschema.validate(record, json.loads(SCHEMA.read_text()))
    levels = [one["noise"]["sigma"] for one in record["volumes"]]
    np.testing.assert_allclose(levels, (5.0, 8.0, 4.0), rtol=0.4)
    for k in range(3):
        one = tmp_path / f"one{k}.nii.gz"
        assert restore(bundle, series, one, "--volume", k + 1, "--std") == 0
        np.testing.assert_array_equal(voxels(one), voxels(tmp_path / "all.nii.gz")[..., k])
        np.testing.assert_array_equal(
            voxels(tmp_path / f"one{k}_std.nii.gz"), voxels(tmp_path / "all_std.nii.gz")[..., k]
        )
    assert sorted(record["outputs"]) == ["all.html", "all.nii.gz", "all_std.nii.gz"]


def test_one_volume_at_a_time_is_in_memory(
    bundle: Path, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, alive = files.restore, []
    made: list[weakref.ref[Volume]] = []

    def watched(*words: Any, **options: Any) -> Any:
        gc.collect()
        alive.append(sum(one() is not None for one in made))
        out = before(*words, **options)
        made.append(weakref.ref(out.volume))
        return out

    monkeypatch.setattr(files, "restore", watched)
    assert restore(bundle, series, tmp_path / "all.nii.gz", "--std", "--report", "--write-mask") == 0
    assert alive == [0, 0, 0]


def test_the_plan_of_a_4d_file_has_the_noise_of_all_volumes(
    bundle: Path, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(bundle, series, tmp_path / "all.nii.gz", "--dry-run") == 0
    assert "3 volumes, each restored by itself: noise of" in capsys.readouterr().out


def test_a_4d_file_whose_third_volume_is_empty_leaves_nothing(
    bundle: Path, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = nib.load(series)
    data = voxels(series).copy()
    data[..., 2] = 0
    nib.save(nib.Nifti1Image(data, image.affine), tmp_path / "gap.nii.gz")
    assert restore(bundle, tmp_path / "gap.nii.gz", tmp_path / "all.nii.gz", "--std") == 3
    said = capsys.readouterr().err
    assert "volume 3 of 3: every voxel has the value 0" in said and "--volume restores one volume alone" in said
    assert not list(tmp_path.glob("*all*"))


def test_a_4d_file_among_many_counts_as_one_scan(
    bundle: Path, series: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert restore(bundle, series, study / "01" / "T1w.nii.gz", out, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("volumes") for line in lines] == [3, None]
    with (out / "summary.tsv").open(newline="") as handle:
        assert [row["status"] for row in csv.DictReader(handle, delimiter="\t")] == ["done", "done"]


def test_a_residual_is_the_scan_minus_the_result(bundle: Path, study: Path, tmp_path: Path) -> None:
    scan = study / "01" / "T1w.nii.gz"
    assert restore(bundle, scan, tmp_path / "a.nii.gz", "--residual") == 0
    removed = voxels(tmp_path / "a_residual.nii.gz")
    np.testing.assert_allclose(removed, voxels(scan) - voxels(tmp_path / "a.nii.gz"), atol=1e-3)
    assert np.abs(removed).max() > 1


def test_a_residual_of_super_resolution_is_refused(
    bundle: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["restore", study / "01" / "T1w.nii.gz", tmp_path / "a.nii.gz", "--residual", "--prior", bundle]
    assert main([str(word) for word in words]) == 3
    assert "denoise with --scale 1" in capsys.readouterr().err and not (tmp_path / "a.nii.gz").exists()


def test_a_residual_of_a_dicom_series_is_refused_before_anything_is_computed(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "restore", None)
    dicom_series(tmp_path / "in")
    assert restore(bundle, tmp_path / "in", tmp_path / "out", "--residual") == 3
    assert "name a .nii.gz file" in capsys.readouterr().err.lower() and not (tmp_path / "out").exists()


def like(scan: Path, data: NDArray[Any], path: Path) -> Path:
    image = nib.load(scan)
    nib.save(nib.Nifti1Image(data, image.affine), path)
    return path


def test_outside_a_mask_the_scan_stays_as_it_is(bundle: Path, study: Path, tmp_path: Path) -> None:
    scan = study / "01" / "T1w.nii.gz"
    inside = np.zeros(SHAPE, np.uint8)
    inside[6:16, 6:20, 1:5] = 1
    mask = like(scan, inside, tmp_path / "mask.nii.gz")
    assert restore(bundle, scan, tmp_path / "a.nii.gz", "--mask", mask, "--report", "--sigma", "10") == 0
    change = voxels(tmp_path / "a.nii.gz") != voxels(scan)
    assert not change[inside == 0].any() and change[inside > 0].mean() > 0.9
    assert "mask_sha256" in json.loads((tmp_path / "a.json").read_text())["configuration"]


def test_a_mask_on_another_grid_fails_its_scan_alone(bundle: Path, study: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for name, shape in (("T1w", SHAPE), ("T2w", (3, 4, 5))):
        inside = np.ones(shape, np.uint8)
        inside[0] = 0
        like(study / "01" / f"{name}.nii.gz", inside, tmp_path / "masks" / f"{name}.nii.gz")
    out = tmp_path / "out"
    assert restore(bundle, study / "01", out, "--mask", tmp_path / "masks") == 8
    assert images(out) == ["T1w.nii.gz"] and "the mask has (3, 4, 5) voxels" in (out / "summary.tsv").read_text()


def test_labels_go_to_the_grid_of_the_result(bundle: Path, study: Path, tmp_path: Path) -> None:
    scan = study / "01" / "T1w.nii.gz"
    values = np.random.default_rng(0).choice(np.int32([0, 3, 1001, 70000]), SHAPE)
    labels = like(scan, values, tmp_path / "labels.nii.gz")
    words = ["restore", scan, tmp_path / "a.nii.gz", "--prior", bundle, "--labels", labels, "--write-mask"]
    assert main([str(word) for word in [*words, "--scale", "2,2,1", "--device", "cpu"]]) == 0
    made = nib.load(tmp_path / "a_labels.nii.gz")
    assert made.get_data_dtype().kind == "i"
    np.testing.assert_allclose(made.affine, nib.load(tmp_path / "a.nii.gz").affine)
    np.testing.assert_array_equal(voxels(tmp_path / "a_labels.nii.gz"), values.repeat(2, 0).repeat(2, 1))
    assert set(np.unique(voxels(tmp_path / "a_mask.nii.gz"))) == {0, 1}


def test_probabilities_are_no_labels(
    bundle: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = study / "01" / "T1w.nii.gz"
    wrong = like(scan, np.random.default_rng(0).random(SHAPE).astype(np.float32), tmp_path / "p.nii.gz")
    assert restore(bundle, scan, tmp_path / "a.nii.gz", "--labels", wrong) == 3
    assert "not whole numbers" in capsys.readouterr().err


def test_maps_that_were_written_are_no_scans(bundle: Path, study: Path, tmp_path: Path) -> None:
    scan = study / "01" / "T1w.nii.gz"
    labels = like(scan, (voxels(scan) > 300).astype(np.int16), tmp_path / "labels.nii.gz")
    home = tmp_path / "made"
    maps = ("--residual", "--std", "--write-mask", "--labels", labels)
    assert restore(bundle, scan, home / "a.nii.gz", *maps) == 0
    assert len(images(home)) == 5
    assert restore(bundle, home, tmp_path / "again") == 0
    assert images(tmp_path / "again") == ["a.nii.gz"]


def test_a_volume_is_written_on_one_grid(tmp_path: Path) -> None:
    head: Volume = small_head(SHAPE)
    write(head, tmp_path / "a.nii.gz", attached=Attached({"labels": (head.data > 300).astype(np.int16)}))
    assert nib.load(tmp_path / "a_labels.nii.gz").get_data_dtype() == np.int16


def test_a_dry_run_of_a_dataset_names_what_is_passed_over(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw"
    for part in ("mag", "phase"):
        write(small_head(SHAPE), raw / "sub-01" / "anat" / f"sub-01_part-{part}_T1w.nii.gz")
    (raw / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.9.0"}))
    words = ("bids", raw, tmp_path / "out", "participant", "--dry-run", "--prior", bundle, "--device", "cpu")
    assert main([str(word) for word in words]) == 0
    assert "sub-01_part-phase_T1w.nii.gz: passed over: " in capsys.readouterr().out
