# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The bundle as MONAI runs it: configurations parse, train, restore, evaluate, and refuse what they cannot know."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from monai_strainer import Grid, InputError, Siren, Volume, load_prior, write
from monai_strainer.bundle.parts import refuse_typos

pytest.importorskip("ignite")
pytest.importorskip("fire")
bundle = pytest.importorskip("monai.bundle")

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "mri_strainer"
CONFIGS = BUNDLE / "configs"


def brain(seed: int, shape: tuple[int, int, int] = (24, 28, 16)) -> Volume:
    """A smooth ball with folds, on an oblique anisotropic grid."""
    x, y, z = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij")
    wave = np.cos((5 + seed) * x + z) * np.cos(4 * y)
    data = np.where(x**2 + y**2 + z**2 < 1, 600 + 200 * wave, 0).astype(np.float32)
    c, s = np.cos(0.3), np.sin(0.3)
    affine = np.array([[c, -s, 0, 3], [s, c, 0, -7], [0, 0, 1, 11], [0, 0, 0, 1]]) @ np.diag([5, 5, 7, 1])
    return Volume(data, Grid(shape, affine))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for k in range(3):
        write(brain(k), folder / f"scan{k}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def tiny(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle with a network of 16 units, trained by its own train.json in another process and folder."""
    folder = tmp_path_factory.mktemp("bundles") / "mri_strainer"
    shutil.copytree(BUNDLE, folder, ignore=shutil.ignore_patterns("models"))
    for name in ("train", "inference"):
        file = folder / "configs" / f"{name}.json"
        file.write_text(file.read_text().replace('"hidden_channels": 256', '"hidden_channels": 16'))
    command = [*RUN, "--config_file", folder / "configs/train.json", "--bundle_root", folder, "--output_dir", folder]
    call(*command, "--dataset_dir", cohort, *QUICK, cwd=tmp_path_factory.mktemp("elsewhere"))
    return folder


RUN = (sys.executable, "-m", "monai.bundle", "run")
QUICK = (
    "--epochs",
    "1",
    "--steps_per_epoch",
    "2",
    "--grid",
    "[6,24,28]",
    "--points",
    "64",
    "--val_tiles",
    "2",
    "--val_interval",
    "1",
    "--detail_steps",
    "0",
)


def call(*words: Any, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-1500:]
    return done.stdout + done.stderr


def workflow(kind: str, *files: Path, **overrides: Any) -> Any:
    made = bundle.ConfigWorkflow([str(f) for f in files], workflow_type=kind, logging_file=False, **overrides)
    made.initialize()
    return made


def restored(folder: Path, **overrides: Any) -> None:
    made = workflow("infer", folder / "configs/inference.json", bundle_root=str(folder), **overrides)
    made.run()
    made.finalize()


def test_training_publishes_a_prior_that_loads(tiny: Path) -> None:
    prior = load_prior(tiny)
    assert prior.network.hidden_channels == 16 and prior.record["scans"] == 2


def test_a_detail_prior_is_trained_beside_it_and_then_further(tiny: Path, cohort: Path, tmp_path: Path) -> None:
    command = [*RUN, "--config_file", CONFIGS / "train_detail.json", "--dataset_dir", cohort, "--steps", "1"]
    small = ("--side", "8", "--patches", "1", "--groups", "1", "--network_def#channels", "[8,8]")
    call(*command, *small, "--bundle_root", tiny, "--output_dir", tmp_path / "one")
    first = load_prior(tmp_path / "one")
    assert first.detail is not None and first.detail.channels == (8, 8) and first.record["detail"]["scans"] == 2
    more = ("--network_def", "$@prior.detail", "--seed", "1", *small[:-2])
    call(*command, *more, "--bundle_root", tmp_path / "one", "--output_dir", tmp_path / "two")
    second = load_prior(tmp_path / "two").record["detail"]
    assert second["from"]["sha256"] == first.record["detail"]["sha256"] != second["sha256"]


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_load_gives_our_class_with_every_tensor_and_no_network(
    kind: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    network = bundle.load(tiny.name, bundle_dir=str(tiny.parent), workflow_type=kind)
    wanted = torch.load(tiny / "models/model.pt", weights_only=True)
    assert isinstance(network, Siren)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in wanted.items())


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("infer", ["inference"]),
        ("infer", ["inference", "inference_cold"]),
        ("train", ["train"]),
        ("train", ["train", "evaluate"]),
    ],
)
def test_every_property_is_there(kind: str, names: list[str], tiny: Path, cohort: Path) -> None:
    small = {"grid": [6, 24, 28]} if kind == "train" else {}
    files = [tiny / f"configs/{name}.json" for name in names]
    made = workflow(kind, *files, bundle_root=str(tiny), dataset_dir=str(cohort), **small)
    assert made.check_properties() == []


@pytest.mark.parametrize("factor", [1, 2])
def test_restoring_keeps_the_field_of_view(factor: int, tiny: Path, cohort: Path, tmp_path: Path) -> None:
    restored(tiny, dataset_dir=str(cohort), output_dir=str(tmp_path), scale_factor=factor, steps=2)
    images = sorted(path for path in tmp_path.glob("*.nii.gz") if "_std" not in path.name)
    assert [path.name.split("_")[0] for path in images] == ["scan0", "scan1", "scan2"]
    for path in images:
        image = nib.load(path)
        assert image.get_data_dtype() == np.float32 and image.shape == (24 * factor, 28 * factor, 16)
        corners = Grid(image.shape, image.affine).corners()
        np.testing.assert_allclose(corners, brain(0).grid.corners(), atol=1e-4)
        assert json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())["prior_sha256"]
    assert len(list(tmp_path.glob("*_std.nii.gz"))) == 3


def test_the_result_depends_on_no_other_case_and_the_network_stays(tiny: Path, cohort: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(cohort / "scan1.nii.gz", alone)
    before = (tiny / "models/model.pt").read_bytes()
    for source, out in ((cohort, "all"), (alone, "one"), (alone, "again")):
        restored(tiny, dataset_dir=str(source), output_dir=str(tmp_path / out), steps=2)
    name = "scan1_superresolved.nii.gz"
    one = (tmp_path / "one" / name).read_bytes()
    assert one == (tmp_path / "again" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()
    assert (tiny / "models/model.pt").read_bytes() == before


def test_evaluation_prints_and_writes_what_it_found(tiny: Path, cohort: Path, tmp_path: Path) -> None:
    files = [tiny / "configs/train.json", tiny / "configs/evaluate.json"]
    made = workflow(
        "train",
        *files,
        bundle_root=str(tiny),
        dataset_dir=str(cohort),
        output_dir=str(tmp_path),
        steps=1,
        **{"validate#preprocessing#transforms#0#levels": [0.4, 0.6, 2]},
    )
    made.run()
    table = (tmp_path / "psnr_raw.csv").read_text()
    assert "scan2" in table and (tmp_path / "ssim_raw.csv").exists()


@pytest.mark.slow
def test_two_processes_equal_one(tiny: Path, cohort: Path, tmp_path: Path) -> None:
    files = f"['{tiny}/configs/train.json','{tiny}/configs/multi_gpu_train.json']"
    common = (
        "--bundle_root",
        tiny,
        "--dataset_dir",
        cohort,
        *QUICK,
        "--half",
        "False",
        "--device",
        "$torch.device('cpu')",
    )
    one, two = tmp_path / "one", tmp_path / "two"
    call(*RUN, "--config_file", tiny / "configs/train.json", *common, "--output_dir", one)
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    call(*launcher, "-m", "monai.bundle", "run", "--config_file", files, *common, "--output_dir", two)
    a, b = (load_prior(folder).network.state_dict() for folder in (one, two))
    for name in a:
        if name.startswith("encoder"):
            torch.testing.assert_close(a[name], b[name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("any_size", [1, 24])
def test_the_network_takes_what_the_metadata_say(any_size: int) -> None:
    bundle.verify_net_in_out(
        "network_def", str(CONFIGS / "metadata.json"), str(CONFIGS / "inference.json"), device="cpu", any=any_size
    )


def test_the_metadata_pass_the_schema(oasis: Path) -> None:
    schema = oasis.parents[1] / "schema" / "meta_schema_20240725.json"
    if not schema.exists():
        pytest.skip("the schema is not at hand")
    bundle.verify_metadata(str(CONFIGS / "metadata.json"), filepath=str(schema))


def test_the_torchscript_export_equals_the_network(tiny: Path, tmp_path: Path) -> None:
    bundle.ckpt_export(
        "network_def", str(tmp_path / "m.ts"), config_file=str(tiny / "configs/inference.json"), bundle_root=str(tiny)
    )
    coords = torch.rand(2, 3, 5, 6)
    torch.testing.assert_close(torch.jit.load(tmp_path / "m.ts")(coords), load_prior(tiny).network(coords))


def test_an_option_that_no_configuration_knows_is_refused() -> None:
    argv = ["monai/bundle/__main__.py", "run", "--config_file", str(CONFIGS / "inference.json"), "--scale_factor", "2"]
    refuse_typos(argv)
    refuse_typos([*argv, "--inferer#steps", "3"])
    with pytest.raises(InputError, match="--ouput_dir"):
        refuse_typos([*argv, "--ouput_dir", "x"])


@pytest.mark.parametrize(("what", "words"), [("missing", "does not exist"), ("empty", "holds neither NIfTI nor DICOM")])
def test_a_folder_without_scans_is_refused(what: str, words: str, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / what
    if what == "empty":
        folder.mkdir()
    with pytest.raises(RuntimeError) as error:  # MONAI wraps what went wrong and keeps it as the cause
        restored(tiny, dataset_dir=str(folder), output_dir=str(tmp_path / "out"))
    assert isinstance(error.value.__cause__, InputError) and words in str(error.value.__cause__)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.json")), ids=lambda f: f.stem)
def test_configurations_are_plain(file: Path) -> None:
    text = file.read_text()
    assert text == json.dumps(json.loads(text), indent=4) + "\n"
    assert not re.search(r"eval\(|exec\(|__import__|os\.system|subprocess", text)
    assert set(re.findall(r"https?://[^\"]+", text)) <= {json.loads((CONFIGS / "metadata.json").read_text())["schema"]}
    assert not re.search(r"\"/[a-z]+/", text)


def test_handlers_are_lists_of_dictionaries() -> None:
    train = json.loads((CONFIGS / "train.json").read_text())
    inference = json.loads((CONFIGS / "inference.json").read_text())
    for handlers in (train["train"]["handlers"], train["validate"]["handlers"], inference["handlers"]):
        assert all(isinstance(handler, dict) for handler in handlers)


def test_both_stages_build_the_same_network() -> None:
    nets = [json.loads((CONFIGS / f"{n}.json").read_text())["network_def"] for n in ("train", "inference")]
    rules = json.loads((BUNDLE / "models/prior.json").read_text())["network"]
    assert nets[0] == nets[1] == {"_target_": "monai_strainer.networks.Siren", **rules}


def test_metadata_name_what_is_installed() -> None:
    from importlib.metadata import version

    meta = json.loads((CONFIGS / "metadata.json").read_text())
    assert meta["version"] in meta["changelog"]
    versions = {"monai": meta["monai_version"], "torch": meta["pytorch_version"], "numpy": meta["numpy_version"]}
    for package, wanted in {**versions, **meta["required_packages_version"]}.items():
        assert version(package).split("+")[0] == wanted


def test_no_file_of_the_bundle_is_too_large_and_the_readme_has_its_headings() -> None:
    assert max(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file()) < 25 * 2**20
    readme = (BUNDLE / "docs/README.md").read_text()
    for heading in (
        "Overview",
        "Data",
        "Training configuration",
        "Input",
        "Output",
        "Performance",
        "MONAI Bundle Commands",
        "Limitations",
        "References",
        "License",
    ):
        assert re.search(rf"^# .*{heading}", readme, re.M), heading
