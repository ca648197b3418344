# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""``denoise-image``: command lines of ANTs' DenoiseImage work, inputs stay as they are, nothing is replaced unasked."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from phantoms import small_head, small_prior_with_detail

from monai_strainer import Grid, Volume, read, save_prior, write
from monai_strainer.cli import main
from monai_strainer.cli.denoise_image import THREADS

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scan and a prior, in which the commands run."""
    write(small_head(), tmp_path / "in.nii.gz")
    save_prior(small_prior_with_detail(tail=0.01), tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> int:
    return main(["denoise-image", *line.split(), "--prior", "bundle", "--device", "cpu"])


def data(name: str) -> NDArray[np.float32]:
    return np.asanyarray(nib.load(name).dataobj)


def test_it_is_restore_with_a_scale_of_1_to_the_byte(here: Path) -> None:
    assert run("-d 3 -i in.nii.gz -o out.nii.gz") == 0
    words = "restore in.nii.gz same.nii.gz --scale 1 --noise gaussian --prior bundle --quiet --device cpu"
    assert main(words.split()) == 0
    assert (here / "out.nii.gz").read_bytes() == (here / "same.nii.gz").read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        "-d 3 -i in.nii.gz -n Gaussian -o out.nii.gz -s 1",  # as Nipype writes it
        "-d 3 -i in.nii.gz -n Gaussian -o [ out.nii.gz, noise.nii.gz ] -s 1 -v",
        "--image-dimensionality 3 --input-image in.nii.gz --noise-model gaussian --output [out.nii.gz,noise.nii.gz]",
        "-i in.nii.gz -o {out.nii.gz,noise.nii.gz} --verbose 1 --shrink-factor 2",
        "-i in.nii.gz -o [out.nii.gz] -p 1x1x1 -r 2x2x2 -v 0",
        "-i in.nii.gz -o out.nii.gz --patch-radius 1 --search-radius 3",
    ],
)
def test_command_lines_of_the_other_program_work(line: str, here: Path) -> None:
    assert run(line) == 0
    assert run("-d 3 -i in.nii.gz -o plain.nii.gz") == 0
    assert (here / "out.nii.gz").read_bytes() == (here / "plain.nii.gz").read_bytes()
    assert (here / "noise.nii.gz").exists() == ("noise.nii.gz" in line)


@pytest.mark.parametrize(
    "line",
    [
        "-i in.nii.gz",
        "-o out.nii.gz",
        "-input-image in.nii.gz -o out.nii.gz",
        "--input in.nii.gz -o out.nii.gz",
        "-i in.nii.gz -o out.nii.gz -n pink",
        "-i in.nii.gz -o out.nii.gz -d 5",
        "-i in.nii.gz -o out.nii.gz -s 0",
        "-i in.nii.gz -o out.nii.gz -p wide",
        "-i in.nii.gz -o out.nii.gz -v maybe",
    ],
)
def test_what_the_other_program_refuses_is_refused(line: str, here: Path) -> None:
    with pytest.raises(SystemExit) as leaving:
        run(line)
    assert leaving.value.code == 2 and not (here / "out.nii.gz").exists()


@pytest.mark.parametrize("outputs", ["[a.nii.gz,b.nii.gz,c.nii.gz]", "[a.nii.gz", "[,b.nii.gz]", "a.nii.gz b.nii.gz"])
def test_outputs_that_are_not_understood_are_refused(outputs: str, here: Path) -> None:
    assert run(f"-i in.nii.gz -o {outputs}") == 3
    assert not list(here.glob("[a-c].nii.gz"))


def test_noise_is_what_was_taken_away(here: Path) -> None:
    assert run("-i in.nii.gz -o [out.nii.gz,noise.nii.gz] -n Rician") == 0
    np.testing.assert_allclose(data("out.nii.gz") + data("noise.nii.gz"), data("in.nii.gz"), rtol=1e-6, atol=1e-3)
    assert np.abs(data("noise.nii.gz")).max() > 0
    assert nib.load("noise.nii.gz").get_data_dtype() == np.float32


def test_the_noise_model_matters_and_that_of_real_numbers_is_the_default(here: Path) -> None:
    for name, more in (("a", ""), ("b", "-n GAUSSIAN"), ("c", "-n rician")):
        assert run(f"-i in.nii.gz -o {name}.nii.gz {more}") == 0
    assert np.array_equal(data("a.nii.gz"), data("b.nii.gz"))
    assert not np.array_equal(data("a.nii.gz"), data("c.nii.gz"))


def test_voxels_outside_the_mask_keep_their_values_and_those_inside_do_not(here: Path) -> None:
    inside = np.zeros(small_head().data.shape, np.float32)
    inside[6:16, 8:20, 1:5] = 1
    write(Volume(inside, small_head().grid), here / "mask.nii.gz")
    assert run("-i in.nii.gz -o out.nii.gz -x mask.nii.gz") == 0
    assert run("-i in.nii.gz -o whole.nii.gz") == 0
    out, before, mask = data("out.nii.gz"), data("in.nii.gz"), inside > 0
    assert np.array_equal(out[~mask], before[~mask])
    assert np.array_equal(out[mask], data("whole.nii.gz")[mask]) and not np.array_equal(out[mask], before[mask])


@pytest.mark.parametrize(("shape", "shift"), [((22, 26, 5), 0.0), ((22, 26, 6), 10.0), ((22, 26, 6), 1.0)])
def test_a_mask_of_another_grid_is_refused(shape: tuple[int, int, int], shift: float, here: Path) -> None:
    affine = small_head().grid.affine.copy()
    affine[0, 3] += shift
    inside = np.zeros(shape, np.float32)
    inside[5:10, 5:10] = 1
    write(Volume(inside, Grid(shape, affine)), here / "mask.nii.gz")
    assert run("-i in.nii.gz -o out.nii.gz --mask-image mask.nii.gz") == 3
    assert not (here / "out.nii.gz").exists()


def test_a_flat_image_stays_flat(here: Path) -> None:
    flat = nib.Nifti1Image(small_head().data[..., 3], np.diag([6.0, 6.5, 1.0, 1.0]))
    nib.save(flat, "flat.nii.gz")
    for more in ("-d 2", "-d 3", ""):
        assert run(f"-i flat.nii.gz -o [out.nii.gz,noise.nii.gz] --overwrite {more}") == 0
        assert nib.load("out.nii.gz").shape == nib.load("noise.nii.gz").shape == (22, 26)
        np.testing.assert_array_equal(nib.load("out.nii.gz").affine, flat.affine)


def several(count: int = 2, constant: int | None = None) -> None:
    """A 4-D file of different heads; one may be constant."""
    volumes = [small_head(seed=k).data for k in range(count)]
    if constant is not None:
        volumes[constant][:] = 7
    image = nib.Nifti1Image(np.stack(volumes, axis=-1), small_head().grid.affine)
    image.header.set_zooms((*image.header.get_zooms()[:3], 2.5))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, "bold.nii.gz")


def test_every_volume_is_denoised_on_its_own_and_the_header_is_kept(here: Path) -> None:
    several()
    assert run("-d 4 -i bold.nii.gz -o [out.nii.gz,noise.nii.gz]") == 0
    out, before = nib.load("out.nii.gz"), nib.load("bold.nii.gz")
    assert out.shape == nib.load("noise.nii.gz").shape == before.shape
    np.testing.assert_allclose(out.header.get_zooms(), before.header.get_zooms(), rtol=1e-6)
    np.testing.assert_allclose(out.affine, before.affine, atol=1e-5)
    assert out.header.get_xyzt_units() == ("mm", "sec")
    for k in range(2):
        single = read("bold.nii.gz", volume=k + 1)
        write(Volume(single.data, single.grid, slice_axis=single.slice_axis), f"one{k}.nii.gz")
        assert run(f"-i one{k}.nii.gz -o single{k}.nii.gz") == 0
        np.testing.assert_array_equal(data("out.nii.gz")[..., k], data(f"single{k}.nii.gz"))


@pytest.mark.parametrize(("line", "words"), [("-d 3", "holds 2 volumes"), ("-d 2", "holds 2 volumes")])
def test_volumes_are_never_dropped(line: str, words: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    several()
    assert run(f"-i bold.nii.gz -o out.nii.gz {line}") == 3
    assert words in capsys.readouterr().err and not (here / "out.nii.gz").exists()


def test_a_volume_that_cannot_be_denoised_leaves_nothing(here: Path) -> None:
    several(constant=1)
    assert run("-i bold.nii.gz -o [out.nii.gz,noise.nii.gz]") == 3
    assert not list(here.glob("out*")) and not list(here.glob("noise*")) and not list(here.glob(".tmp*"))


def test_a_volume_is_no_flat_image(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-d 2 -i in.nii.gz -o out.nii.gz") == 3
    assert "2 dimensions" in capsys.readouterr().err


def test_outputs_are_replaced_only_where_that_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("out.nii.gz", "noise.nii.gz"):
        (here / name).write_text("mine")
        assert run("-i in.nii.gz -o [out.nii.gz,noise.nii.gz]") == 3
        assert "--overwrite" in capsys.readouterr().err and (here / name).read_text() == "mine"
        assert run("-i in.nii.gz -o [out.nii.gz,noise.nii.gz] --overwrite") == 0
        (here / "out.nii.gz").unlink()
        (here / "noise.nii.gz").unlink()


@pytest.mark.parametrize("outputs", ["in.nii.gz", "[out.nii.gz,in.nii.gz]", "[out.nii.gz,out.nii.gz]", "link.nii.gz"])
def test_an_input_is_never_replaced(outputs: str, here: Path) -> None:
    (here / "link.nii.gz").symlink_to(here / "in.nii.gz")
    before = (here / "in.nii.gz").read_bytes()
    assert run(f"-i in.nii.gz -o {outputs} --overwrite") == 3
    assert (here / "in.nii.gz").read_bytes() == before and not (here / "out.nii.gz").exists()


def test_it_is_silent_unless_it_is_asked_to_speak(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-i in.nii.gz -o out.nii.gz") == 0
    assert capsys.readouterr().out == ""
    assert run("-i in.nii.gz -o again.nii.gz -v") == 0
    assert "noise, standard deviation" in capsys.readouterr().out


@pytest.mark.parametrize(("given", "limits"), [("3", [3]), ("many", []), ("0", [])])
def test_the_pipelines_limit_of_threads_holds(
    given: str, limits: list[int], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", called.append)
    monkeypatch.setenv(THREADS, given)
    assert run("-i in.nii.gz -o out.nii.gz") == 0
    assert called == limits


@pytest.mark.parametrize("word", ["--help", "-h", "--version"])
def test_help_and_version(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["denoise-image", word])
    assert leaving.value.code == 0
    assert ("monai_strainer 0" if word == "--version" else "--mask-image") in capsys.readouterr().out
