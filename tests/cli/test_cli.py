# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The command line: does what it is asked, says what went wrong in one line, and never writes over anything."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from phantoms import small_prior_with_detail

from monai_strainer import Grid, Prior, Volume, load_prior, save_prior, write
from monai_strainer.cli import main
from monai_strainer.pipelines import restore_file as files


def head(shape: tuple[int, int, int] = (20, 24, 10)) -> Volume:
    x, y, z = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij")
    data = np.where(x**2 + y**2 + z**2 < 1, 700 + 200 * np.cos(5 * x) * np.cos(4 * y), 0)
    return Volume(data, Grid(shape, np.diag([6.0, 6.0, 12.0, 1.0])))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write(head(), tmp_path / "in" / "scan.nii.gz")
    return tmp_path / "in" / "scan.nii.gz"


@pytest.fixture
def prior(tmp_path: Path) -> Path:
    save_prior(Prior.cold(0, hidden_channels=16), tmp_path / "bundle")
    return tmp_path / "bundle"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def restore(source: Path, target: Path, prior: Path, *more: object) -> int:
    return run("restore", source, target, "--prior", prior, "--steps", 1, "--quiet", "--device", "cpu", *more)


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
    calls = capsys.readouterr().err
    assert "out.nii.gz" in calls and "--overwrite" in calls and "Traceback" not in calls


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--scale", "0"), "not positive"),
        (("--scale", "0.5"), "throw resolution away"),
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


def pretrain(source: Path, target: Path, *more: object) -> int:
    small = ("--grid", "4,12,14", "--steps", 2, "--detail-steps", 0, "--quiet", "--device", "cpu")
    return run("pretrain", source, target, *small, *more)


def test_three_scans_become_a_prior_on_the_grid_asked_for(prior: Path, tmp_path: Path) -> None:
    for k in range(3):
        write(head(), tmp_path / "cohort" / f"scan{k}.nii.gz")
    assert pretrain(tmp_path / "cohort", tmp_path / "learned", "--grid", "6,24,28") == 0
    assert load_prior(tmp_path / "learned").record["scans"] == 2  # the third judges
    assert pretrain(tmp_path / "cohort", prior, "--grid", "6,24,28", "--overwrite", "--images", 1) == 0
    assert load_prior(prior).record["scans"] == 1


@pytest.mark.parametrize("recipe", ["cohort", "paper"])
def test_a_cohort_becomes_a_prior_and_leaves_no_patient_behind(recipe: str, scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "learned"
    assert pretrain(scan.parent, out, "--recipe", recipe) == 0
    assert load_prior(out).record["scans"] == 1
    assert not list(out.rglob("*.npy"))
    for file in out.rglob("*.pt"):
        state = torch.load(file, weights_only=True)
        assert not [name for name in state.get("module", state) if name.startswith("heads")]


def test_a_cohort_teaches_a_detail_prior_as_well(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "learned"
    assert pretrain(scan.parent, out, "--detail-steps", 1) == 0
    prior = load_prior(out)
    assert prior.detail is not None and prior.typical is not None
    calls = prior.record["detail"]
    assert calls["recipe"]["steps"] == 1 and calls["scans"] == 1 and "--detail-steps 1" in calls["command"]


def test_the_ways_to_use_a_detail_prior(scan: Path, tmp_path: Path) -> None:
    save_prior(small_prior_with_detail(tail=0.01), tmp_path / "joint")
    for method in ("auto", "plug_and_play", "coordinates"):
        out = tmp_path / f"{method}.nii.gz"
        assert restore(scan, out, tmp_path / "joint", "--method", method, "--profile", "kspace", "--report") == 0
        calls = json.loads((tmp_path / f"{method}.json").read_text())
        assert calls["method"] == ("amortised" if method == "auto" else method)
        assert set(calls["data"]) == {"residual", "whiteness", "undetermined"}
    thin = ("--scale", "1,1,2", "--profile", "gaussian", "--thickness", 8)
    assert restore(scan, tmp_path / "thin.nii.gz", tmp_path / "joint", *thin) == 0
    assert nib.load(tmp_path / "thin.nii.gz").shape == (20, 24, 20)


def test_noise_becomes_a_prior_that_restores_without_any_scan(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "noise"
    assert (
        run("pretrain", "-", out, "--kind", "noise", "--steps", 2, "--images", 3, "--grid", "4,12,14", "--quiet") == 0
    )
    record = load_prior(out).record
    assert (record["kind"], record["scans"], record["fields"]["count"]) == ("noise", 0, 3)
    assert "--kind noise" in record["command"] and "cohort_sha256" not in record
    assert restore(scan, tmp_path / "restored.nii.gz", out) == 0


def test_a_cohort_becomes_a_start(scan: Path, tmp_path: Path) -> None:
    assert pretrain(scan.parent, tmp_path / "start", "--kind", "meta") == 0
    assert load_prior(tmp_path / "start").record["kind"] == "meta"


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("-", ()),
        ("scans", ("--kind", "noise")),
        ("scans", ("--kind", "meta", "--recipe", "paper")),
        ("-", ("--kind", "noise", "--detail-steps", 5)),
    ],
)
def test_a_kind_that_does_not_go_with_the_rest_is_refused(
    source: str, more: tuple[object, ...], scan: Path, tmp_path: Path
) -> None:
    assert pretrain(Path("-") if source == "-" else scan.parent, tmp_path / "out", *more) == 3
    assert not (tmp_path / "out").exists()


def test_a_prior_is_not_written_over(scan: Path, prior: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (prior / "models/model.pt").read_bytes()
    assert pretrain(scan.parent, prior) == 3
    assert "there is a prior already" in capsys.readouterr().err
    assert (prior / "models/model.pt").read_bytes() == before


def test_an_interrupted_pretraining_goes_on_from_its_checkpoint(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "learned"
    assert pretrain(scan.parent, out) == 0
    weights, before = out / "models/model.pt", (out / "models/model.pt").read_bytes()
    assert pretrain(scan.parent, out, "--resume") == 0  # nothing is left to do
    weights.unlink()
    assert pretrain(scan.parent, out, "--resume") == 0
    assert weights.read_bytes() == before


def test_a_missing_cohort_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(tmp_path / "nowhere", tmp_path / "out") == 3
    assert "does not exist" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_prior_among_the_scans_is_refused(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(scan.parent, scan.parent / "learned") == 3
    assert "inside the input" in capsys.readouterr().err


@pytest.mark.parametrize("grid", ["4,12", "0,12,14"])
def test_a_grid_that_is_none_is_refused(
    grid: str, scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pretrain(scan.parent, tmp_path / "out", "--grid", grid) == 3
    assert "give slices, rows and columns" in capsys.readouterr().err.lower()


def test_an_empty_cohort_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert pretrain(tmp_path / "empty", tmp_path / "out") == 3
    assert "holds no NIfTI" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    calls = capsys.readouterr().out
    assert all(word in calls for word in ("restore", "pretrain", "evaluate", "demo", "exit codes", "Research use only"))


@pytest.mark.parametrize("command", ["restore", "pretrain", "evaluate", "demo"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0 and "--device" in capsys.readouterr().out


def test_an_interruption_is_told_in_one_line(
    scan: Path, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "restore", stop)
    assert restore(scan, tmp_path / "out.nii.gz", prior) == 130
    assert capsys.readouterr().err == "monai-strainer: interrupted\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "in"]


def test_a_wrong_command_line_exits_with_two() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["restore"])
    assert exit_.value.code == 2


@pytest.mark.parametrize("more", [("--steps", "-1"), ("--steps", "0"), ("--grid", "nan,2,2"), ("--device", "abacus")])
def test_a_pretraining_that_cannot_be_is_refused_and_leaves_nothing(
    more: tuple[str, str], scan: Path, tmp_path: Path
) -> None:
    assert pretrain(scan.parent, tmp_path / "learned", *more) == 3
    assert not list(tmp_path.rglob("cohort.npy"))


def test_resuming_another_run_is_refused(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(scan.parent, tmp_path / "learned") == 0
    assert pretrain(scan.parent, tmp_path / "learned", "--resume", "--seed", 5) == 3
    assert "was made with another seed" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "more"), [("out.png", ()), ("out.nii.gz", ("--scale", "1e9"))])
def test_what_cannot_be_written_is_not_computed(
    name: str, more: tuple[str, ...], scan: Path, prior: Path, tmp_path: Path
) -> None:
    assert restore(scan, tmp_path / name, prior, *more) == 3
    assert not (tmp_path / name).exists()
