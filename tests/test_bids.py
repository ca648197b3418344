# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The BIDS App: names, sidecars, labels, levels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from phantoms import small_head, small_prior

from monai_strainer import save_prior, write
from monai_strainer.bids import jobs_in, named, read_filters
from monai_strainer.cli import main
from monai_strainer.errors import InputError


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
    small = ("--pretrain-steps", "1", "--detail-steps", "0", "--grid", "4,12,14")
    assert app(dataset, "participant") == 0
    assert app(dataset, "group", *small) == 0
    out = dataset.parent / "derivatives" / "monai_strainer"
    assert (out / "prior" / "models" / "model.pt").is_file() and not list(out.rglob("*.npy"))
    assert (out / "summary-cohort.tsv").read_text().count("\tdone\t") == 3


@pytest.mark.parametrize("words", [["bids"], ["bids", "a", "b", "session"], ["bids", "a", "b", "group", "--loud"]])
def test_a_wrong_command_line_leaves_with_64(words: list[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(words)
    assert leaving.value.code == 64


def test_what_is_no_dataset_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset_description\.json is missing"):
        jobs_in(tmp_path, tmp_path / "o", (2.0,))
    with pytest.raises(InputError, match="no participant 77"):
        jobs_in(dataset, tmp_path / "o", (2.0,), ["77", "01"])
    with pytest.raises(InputError, match="no T1w"):
        jobs_in(dataset, tmp_path / "o", (2.0,), ["02"], ["b"])
    with pytest.raises(InputError, match="does not follow BIDS"):
        named("brain.nii.gz", (2.0,))


def test_factors_are_part_of_the_name() -> None:
    assert named("sub-1_T2w.nii.gz", (1.5,)) == "sub-1_res-x1p5_desc-strainer_T2w.nii.gz"
    assert named("sub-1_T2w.nii.gz", (2.0, 2.0, 1.0)) == "sub-1_res-x2x2x1_desc-strainer_T2w.nii.gz"


@pytest.mark.parametrize(
    ("told", "taken"),
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
def test_a_filter_file_chooses_by_entities(tmp_path: Path, told: dict[str, object], taken: list[str]) -> None:
    for name in ("acq-fast_run-01_T1w", "acq-mprage_run-01_T1w", "run-02_T1w", "run-02_T2w"):
        file = tmp_path / "raw" / "sub-01" / "anat" / f"sub-01_{name}.nii.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "raw" / "dataset_description.json").write_text("{}")
    (tmp_path / "filter.json").write_text(json.dumps(told))
    jobs = jobs_in(tmp_path / "raw", tmp_path / "o", (2.0,), filters=read_filters(tmp_path / "filter.json"))
    assert [job.source.name for job in jobs] == [f"sub-01_{name}.nii.gz" for name in taken]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json", "this is no filter file"),
        ("[1]", "this is no filter file"),
        ('{"t1w": "mprage"}', "this is no filter file"),
        ('{"t1w": {"colour": "red"}}', "the filter colour is none"),
    ],
)
def test_a_filter_file_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "filter.json").write_text(text)
    with pytest.raises(InputError, match=says):
        read_filters(tmp_path / "filter.json")


def test_the_app_heeds_a_filter_file(dataset: Path) -> None:
    (dataset.parent / "filter.json").write_text('{"t1w": {"session": null, "subject": ["03", "02"]}}')
    assert app(dataset, "participant", "--bids-filter-file", str(dataset.parent / "filter.json"), "--scale", "1") == 0
    made = [path.name for path in (dataset.parent / "derivatives").rglob("*.nii.gz")]
    assert made == ["sub-03_desc-strainerdenoised_T1w.nii.gz"]
