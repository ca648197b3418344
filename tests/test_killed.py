# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A BIDS app that is killed at any moment: whole files under final names, and the next run ends complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from phantoms import small_head, small_prior

from monai_strainer import save_prior, write
from monai_strainer.cli import main
from monai_strainer.pipelines.pretrain_prior import LEARNING
from monai_strainer.storage.marks import hold

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the process is copied and killed by POSIX means")

# Every life is a copy of one process that has the package loaded; it dies at its call number k to the file system.
LIVES = """
import json, os, shutil, signal, sys
from pathlib import Path
import torch
import monai_strainer.pipelines.batch, monai_strainer.pipelines.bids, monai_strainer.restoring.restore
from monai_strainer.pipelines import prior_phases
from monai_strainer.cli import main

torch.set_num_threads(1)
sys.path.insert(0, "tests")
from phantoms import small_detail, small_siren

def learned(*_, run, **__):
    checkpoint = run.checkpoint
    os.replace(checkpoint.with_name("cohort.npy"), checkpoint.with_name("cohort.npy"))  # a moment to die
    return small_siren()

prior_phases.pretrain = learned
prior_phases.pretrain_detail = lambda *_, **__: small_detail()
out, stride, first, words = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]

def live(left):
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    for name in ("replace", "fsync", "link", "unlink"):
        def call(*args, true=getattr(os, name), **options):
            global left_now
            left_now -= 1
            if left_now < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return true(*args, **options)
        setattr(os, name, call)
    global left_now
    left_now = left
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os._exit(main(words))

def files():
    return {p.relative_to(out).as_posix(): p for p in out.rglob("*") if p.is_file()}

def images():
    return {name: p.read_bytes() for name, p in files().items() if name.endswith((".nii.gz", ".pt"))}

assert live(10**6) == 0
whole, names, deaths, k = images(), set(files()), 0, first
while True:
    shutil.rmtree(out)
    code = live(k)
    assert code in (0, -signal.SIGKILL), code
    for name, path in files().items():
        if path.name[0] == ".":
            continue
        if name in whole and "/runs/" not in name:
            assert path.read_bytes() == whole[name], (k, name)
        if name.endswith(".json"):
            json.loads(path.read_text())
    if code == 0:
        break
    deaths, k = deaths + 1, k + stride
    assert live(10**6) == 0, k
    assert images() == whole and set(files()) == names, (k, set(files()) ^ names)
print(deaths, "deaths")
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for name in ("sub-01", "sub-02"):
        write(small_head((22, 26, 8)), tmp_path / "raw" / name / "anat" / f"{name}_T1w.nii.gz")
    (tmp_path / "raw" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    save_prior(small_prior(), tmp_path / "bundle")
    return tmp_path


@pytest.mark.parametrize(
    ("level", "words", "stride", "first"),
    [
        ("participant", "--scale 1 --steps 0", 37, 17),
        ("group", "--pretrain-steps 1 --detail-steps 1 --grid 3,12,14", 13, 4),
    ],
)
def test_an_app_that_is_killed_leaves_whole_files_and_the_next_run_ends_complete(
    dataset: Path, level: str, words: str, stride: int, first: int
) -> None:
    out = dataset / "out"
    app = ["bids", str(dataset / "raw"), str(out), level, *words.split(), "--device", "cpu", "--quiet"]
    app += ["--prior", str(dataset / "bundle")]
    command = [sys.executable, "-c", LIVES, str(out), str(stride), str(first), *app]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout.split()[0]) >= 2, done.stdout + done.stderr


def test_a_group_that_another_process_learns_is_left_to_it(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bids", str(dataset / "raw"), str(dataset / "out"), "group", "--pretrain-steps", "1", "--quiet"]
    with hold(dataset / "out" / "prior" / LEARNING):
        assert main(words) == 3
    assert "prior: another process learns a prior here" in capsys.readouterr().err
