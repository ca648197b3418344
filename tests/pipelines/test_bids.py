# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The BIDS App: names, sidecars, labels, levels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from phantoms import small_head, small_prior

from monai_strainer import read, save_prior, write
from monai_strainer.cli import main
from monai_strainer.errors import InputError
from monai_strainer.pipelines import restore_file as files
from monai_strainer.pipelines.bids import Size, Wanted, find_jobs, named, read_filters

TWICE = Size((2.0,))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    raw = tmp_path / "raw"
    for label, session in (("01", ""), ("02", "ses-a"), ("03", "")):
        folder = raw / f"sub-{label}" / session / "anat"
        name = f"sub-{label}_{session}_T1w.nii.gz".replace("__", "_")
        write(small_head((22, 26, 10), seed=int(label)), folder / name)
    write(small_head(), raw / "sub-01" / "func" / "sub-01_task-rest_bold.nii.gz")
    (raw / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.9.0", "License": "CC0"}))
    side = {"SkullStripped": True, "EchoTime": 0.003, "PatientName": "SECRET"}
    (raw / "sub-01" / "anat" / "sub-01_T1w.json").write_text(json.dumps(side))
    (raw / "README").write_text("A raw dataset made of formulas, for tests of the BIDS App and nothing else.\n")
    save_prior(small_prior(), tmp_path / "bundle")
    return raw


def app(dataset: Path, level: str, *more: str) -> int:
    out = dataset.parent / "derivatives" / "monai_strainer"
    words = ["bids", str(dataset), str(out), level, "--prior", str(dataset.parent / "bundle"), "--quiet"]
    return main([*words, "--steps", "1", "--device", "cpu", *more])


def test_participants_are_restored_under_derivative_names(dataset: Path) -> None:
    assert app(dataset, "participant", "--std") == 0
    out = dataset.parent / "derivatives" / "monai_strainer"
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*.nii.gz") if "desc-strainerstd" not in path.name)
    assert made == [
        "sub-01/anat/sub-01_res-x2_desc-strainer_T1w.nii.gz",
        "sub-02/ses-a/anat/sub-02_ses-a_res-x2_desc-strainer_T1w.nii.gz",
        "sub-03/anat/sub-03_res-x2_desc-strainer_T1w.nii.gz",
    ]
    side = json.loads((out / made[0].replace(".nii.gz", ".json")).read_text())
    assert side["SkullStripped"] is True and side["EchoTime"] == 0.003 and side["Resolution"]
    assert side["Sources"] == ["bids:raw:sub-01/anat/sub-01_T1w.nii.gz"] and side["Strainer"]["seed"] == 0
    assert "SECRET" not in json.dumps(side)
    described = json.loads((out / "dataset_description.json").read_text())
    assert described["DatasetType"] == "derivative" and described["GeneratedBy"][0]["Name"] == "monai_strainer"
    assert (out / described["DatasetLinks"]["raw"]).resolve() == dataset


@pytest.mark.parametrize("label", ["sub-02", "02"])
def test_labels_choose(dataset: Path, label: str) -> None:
    assert app(dataset, "participant", "--participant-label", label, "--scale", "1") == 0
    (made,) = (dataset.parent / "derivatives").rglob("*.nii.gz")
    assert made.name == "sub-02_ses-a_desc-strainerdenoised_T1w.nii.gz"
    assert app(dataset, "participant", "--participant_label", label, "--scale", "1") == 0  # done before


def test_the_group_learns_and_tables(dataset: Path) -> None:
    assert app(dataset, "participant") == 0
    assert app(dataset, "group", *SMALL) == 0
    out = dataset.parent / "derivatives" / "monai_strainer"
    assert (out / "prior" / "models" / "model.pt").is_file() and not list(out.rglob("*.npy"))
    assert (out / "summary-cohort.tsv").read_text().count("\tdone\t") == 3


SMALL = ("--pretrain-steps", "1", "--detail-steps", "0", "--grid", "4,12,14")


def test_options_of_the_other_level_are_named(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bids", str(dataset), str(dataset.parent / "out")]
    prior = ["--prior", str(dataset.parent / "bundle"), "--steps", "1", "--participant-label", "01"]
    assert main([*words, "participant", *prior, "--pretrain-steps", "3"]) == 0
    assert main([*words, "group", *prior, "--std", *SMALL]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("note: ")[2] for line in lines if "does nothing" in line] == [
        "--pretrain-steps does nothing at the level participant; --steps is that of participant",
        "--steps does nothing at the level group; --pretrain-steps is that of group",
        "--std does nothing at the level group",
    ]


def test_a_plan_of_a_training_is_refused_before_it_trains(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(dataset, "group", "--dry-run", *SMALL) == 3
    assert "--dry-run plans restorations, and group trains" in capsys.readouterr().err
    assert not (dataset.parent / "derivatives" / "monai_strainer" / "prior").exists()


@pytest.mark.parametrize("words", [["bids"], ["bids", "a", "b", "session"], ["bids", "a", "b", "group", "--loud"]])
def test_a_wrong_command_line_leaves_with_64(words: list[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(words)
    assert leaving.value.code == 64


def raw(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "dataset_description.json").write_text("{}")
    return root


def found(root: Path, **wanted: Any) -> tuple[list[str], dict[str, str]]:
    jobs, passed = find_jobs(root, root.parent / "out", Size(), Wanted(**wanted))
    return [job.name for job in jobs], {Path(name).name: reason for name, reason in passed}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sub-02/anat/sub-02_part-phase_T1w.nii.gz", "a phase image"),
        ("sub-02/anat/sub-02_part-real_T2w.nii", "a real image"),
        ("sub-02/anat/sub-02_part-imag_T1w.nii.gz", "an imaginary image"),
        ("sub-02/anat/sub-02_T1w_defacemask.nii.gz", "a mask or a label map"),
        ("sub-02/anat/sub-02_UNIT1.nii.gz", "the suffix UNIT1"),
        ("sub-02/anat/sub-02_acq_x_T1w.nii.gz", "the name does not follow BIDS"),
        ("sub-02/anat/T1w.nii.gz", "the name does not follow BIDS"),
        ("sub-02/anat/sub-02_T1w.NII.GZ", "the name does not follow BIDS"),
        ("sub-02/anat/deeper/sub-02_T1w.nii.gz", "not in the anat folder"),
        ("sub-02/sub-02_T1w.nii.gz", "not in the anat folder"),
        ("sub-02/func/sub-02_bold.nii.gz", "not in the anat folder"),
        ("Sub-02/anat/sub-02_T1w.nii.gz", "not in a folder sub-<label>"),
        ("sub-02/anat/sub-03_T1w.nii.gz", "the participant of its name is not that of its folder"),
        ("sub-02/ses-1/anat/sub-02_ses-2_T1w.nii.gz", "the session of its name is not that of its folder"),
        ("sub-02/ses-1/anat/sub-02_T1w.nii.gz", "the session of its name is not that of its folder"),
        ("sub-02/anat/sub-02_ses-1_T1w.nii.gz", "the session of its name is not that of its folder"),
        ("sub-01/anat/sub-01_T1w.nii.gz", "its output would be that of sub-01_T1w.nii"),
    ],
)
def test_what_is_not_restored_is_named_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    names, passed = found(raw(tmp_path / "raw", "sub-01/anat/sub-01_T1w.nii", name))
    assert names == ["sub-01/anat/sub-01_T1w.nii"] and re.match(reason, passed.pop(Path(name).name)) and not passed


def test_what_a_sidecar_calls_a_phase_is_passed_over(tmp_path: Path) -> None:
    root = raw(tmp_path / "raw", "sub-01/anat/sub-01_T1w.nii", "sub-01/anat/sub-01_acq-p_T1w.nii", "sub-02+ctl/anat/x")
    (root / "acq-p_T1w.json").write_text('{"ImageType": ["ORIGINAL", "PRIMARY", "P"]}')
    names, passed = found(root)
    assert names == ["sub-01/anat/sub-01_T1w.nii"] and "ImageType" in passed["sub-01_acq-p_T1w.nii"]


def test_labels_with_a_plus_are_labels_and_links_are_followed(tmp_path: Path) -> None:
    root = raw(tmp_path / "raw", "sub-02+ctl/anat/sub-02+ctl_T1w.nii.gz")
    raw(tmp_path / "else", "anat/sub-03_T1w.nii.gz")
    (root / "sub-03").symlink_to(tmp_path / "else")
    assert [Path(name).name for name in found(root)[0]] == ["sub-02+ctl_T1w.nii.gz", "sub-03_T1w.nii.gz"]
    assert found(root, participants=["02+ctl"]) == (["sub-02+ctl/anat/sub-02+ctl_T1w.nii.gz"], {})


def test_one_fault_of_any_kind_does_not_stop_the_others(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = {"01": ZeroDivisionError("a"), "02": MemoryError(), "03": None}

    def restore(scan: Any, *args: Any, **options: Any) -> Any:
        fault = faults[scan.source.name[4:6]]
        if fault is not None:
            raise fault
        return restored(scan, *args, **options)

    restored = files.restore
    monkeypatch.setattr(files, "restore", restore)
    raw(dataset, "sub-03/anat/sub-03_part-phase_T1w.nii.gz")
    (dataset / "dataset_description.json").write_text("[]")  # a finding, no end
    (dataset / "T1w.json").write_text("[]")
    assert app(dataset, "participant", "--scale", "1") == 8
    said = capsys.readouterr()
    assert "1 of 5 scans are done, 2 failed; passed over: sub-01/func/sub-01_task-rest_bold.nii.gz (" in said.out
    assert "dataset_description.json: the file holds a list" in said.err
    out = dataset.parent / "derivatives" / "monai_strainer"
    table = (out / "summary.tsv").read_text()
    assert "(ZeroDivisionError" in table and "not enough memory" in table and "T1w.json: the file holds a list" in table
    table = json.loads((out / "summary.tsv.json").read_text())
    assert table["found"] == 5 and table["counts"] == {"done": 1, "failed": 2, "passed over": 2}
    assert "part-phase" in table["passed_over"]["sub-03/anat/sub-03_part-phase_T1w.nii.gz"]
    side = json.loads((out / "sub-03/anat/sub-03_desc-strainerdenoised_T1w.json").read_text())
    assert any("T1w.json: the file holds a list" in warning for warning in side["Strainer"]["warnings"])


@pytest.mark.parametrize("spacing", [(3.0, 3.25, 24.0), (6.0, 6.5, 12.0), (2.5, 2.5, 24.0), (9.0, 9.0, 30.0)])
def test_a_spacing_names_its_output_by_the_result(dataset: Path, spacing: tuple[float, float, float]) -> None:
    words = ("--participant-label", "01", "--spacing", ",".join(map(str, spacing)), "--method", "coordinates")
    assert app(dataset, "participant", *words, "--steps", "0") == 0
    (made,) = (dataset.parent / "derivatives").rglob("*.nii.gz")
    voxels = read(made).grid.spacing
    side = json.loads(made.with_name(made.name.replace(".nii.gz", ".json")).read_text())
    if max(spacing) == 30:  # nothing is finer than the scan: it is denoised, and says so
        assert "strainerdenoised" in made.name and "Resolution" not in side
        assert any("finer than the" in warning for warning in side["Strainer"]["warnings"])
    else:
        label = "x".join(f"{edge:.4g}".replace(".", "p") for edge in voxels)
        assert made.name == f"sub-01_res-{label}mm_desc-strainer_T1w.nii.gz"
        assert side["Resolution"].startswith(f"voxels of {' x '.join(f'{edge:.4g}' for edge in voxels)} mm")


def test_of_an_image_of_several_volumes_all_are_restored_or_the_one_that_is_meant(dataset: Path) -> None:
    path = dataset / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    one = nib.load(path)
    nib.save(nib.Nifti1Image(np.stack([one.get_fdata(), 2 * one.get_fdata()], -1), one.affine), path)
    words = ("--scale", "1", "--method", "coordinates", "--steps", "0", "--participant-label", "01", "03")
    home = dataset.parent / "derivatives" / "monai_strainer"
    for more, shape in ((), (22, 26, 10, 2)), (("--volume", "2", "--overwrite"), (22, 26, 10)):
        assert app(dataset, "participant", *words, *more) == 0  # the others hold one
        (made,) = home.rglob("sub-01*_desc-strainerdenoised_T1w.nii.gz")
        assert nib.load(made).shape == shape


def test_the_group_learns_from_what_is_meant(dataset: Path) -> None:
    for label in ("01", "02", "03"):
        anat = dataset / f"sub-{label}" / ("ses-a" if label == "02" else "") / "anat"
        for path in list(anat.glob("*_T1w.nii.gz")):
            stem = path.name.replace("_T1w.nii.gz", "")
            write(small_head((22, 26, 10), seed=9), anat / f"{stem}_T2w.nii.gz")
            write(small_head((22, 26, 10), seed=9), anat / f"{stem}_T1w_defacemask.nii.gz")
    small = ("--pretrain-steps", "1", "--detail-steps", "0", "--grid", "4,12,14", "--overwrite")
    prior = dataset.parent / "derivatives" / "monai_strainer" / "prior" / "models" / "prior.json"
    for more, scans, contrast in (
        (("--participant-label", "01"), 1, "T1w"),
        (("--contrast", "T2w", "--session-label", "a"), 1, "T2w"),
        ((), 2, "T1w"),
    ):
        assert app(dataset, "group", *small, *more) == 0
        record = json.loads(prior.read_text())
        assert (record["scans"], record["contrast"], record["trained"]["count"]) == (scans, contrast, scans)


def test_what_is_no_dataset_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset_description\.json is missing"):
        find_jobs(tmp_path, tmp_path / "o", TWICE, Wanted())
    with pytest.raises(InputError, match="no participant 77"):
        find_jobs(dataset, tmp_path / "o", TWICE, Wanted(["77", "01"]))
    with pytest.raises(InputError, match="no T1w"):
        find_jobs(dataset, tmp_path / "o", TWICE, Wanted(["02"], ["b"]))
    with pytest.raises(InputError, match="does not follow BIDS"):
        named("brain.nii.gz", (2.0,))


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        ({}, ["acq-fast_run-01_T1w", "acq-mprage_run-01_T1w", "run-02_T1w", "run-02_T2w"]),
        ({"t1w": {"acquisition": "mprage"}}, ["acq-mprage_run-01_T1w", "run-02_T2w"]),
        (
            {"T1w": {"acquisition": ["fast", None], "datatype": "anat"}},
            ["acq-fast_run-01_T1w", "run-02_T1w", "run-02_T2w"],
        ),
        ({"t1w": {"run": 1}, "t2w": {"run": "1"}}, ["acq-fast_run-01_T1w", "acq-mprage_run-01_T1w"]),
        ({"t1w": {"acquisition": None}, "bold": {"task": "rest"}}, ["run-02_T1w", "run-02_T2w"]),
    ],
)
def test_a_filter_file_chooses_by_entities(tmp_path: Path, filters: dict[str, object], taken: list[str]) -> None:
    for name in ("acq-fast_run-01_T1w", "acq-mprage_run-01_T1w", "run-02_T1w", "run-02_T2w"):
        file = tmp_path / "raw" / "sub-01" / "anat" / f"sub-01_{name}.nii.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "raw" / "dataset_description.json").write_text("{}")
    (tmp_path / "filter.json").write_text(json.dumps(filters))
    wanted = Wanted(filters=read_filters(tmp_path / "filter.json"))
    jobs, _ = find_jobs(tmp_path / "raw", tmp_path / "o", TWICE, wanted)
    assert [job.source.name for job in jobs] == [f"sub-01_{name}.nii.gz" for name in taken]


def test_the_app_uses_a_filter_file(dataset: Path) -> None:
    (dataset.parent / "filter.json").write_text('{"t1w": {"session": null, "subject": ["03", "02"]}}')
    assert app(dataset, "participant", "--bids-filter-file", str(dataset.parent / "filter.json"), "--scale", "1") == 0
    made = [path.name for path in (dataset.parent / "derivatives").rglob("*.nii.gz")]
    assert made == ["sub-03_desc-strainerdenoised_T1w.nii.gz"]
