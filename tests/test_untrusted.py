# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Files from elsewhere and disks that fail: a refusal, never a crash, and nothing half-written."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from dicom_files import series
from phantoms import small_head, small_prior

from monai_strainer import load_prior, save_prior, write
from monai_strainer.cli import main
from monai_strainer.errors import InputError


@pytest.mark.parametrize("name", ["models/model.pt", "models/prior.json"])
def test_flipped_bytes_of_a_prior_are_refused(tmp_path: Path, name: str) -> None:
    save_prior(small_prior(), tmp_path)
    file = tmp_path / name
    whole, draw = file.read_bytes(), random.Random(0)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        file.write_bytes(bytes(data[: draw.randrange(len(data))] if draw.random() < 0.2 else data))
        with suppress(InputError):
            load_prior(tmp_path)


BOMB = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
from monai_strainer import InputError, read
try:
    read(sys.argv[1])
except InputError as error:
    print(error)
"""


def test_a_series_that_declares_too_much_takes_no_memory(tmp_path: Path) -> None:
    def change(k: int, image: object) -> None:
        image.Rows = image.Columns = 65000  # type: ignore[attr-defined]

    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(series(tmp_path / "s", change))], capture_output=True, text=True
    )
    assert "bytes of voxels, more than the limit" in done.stdout, done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)], capture_output=True
        ).returncode
    ):
        pytest.skip("a disk of a given size needs the right to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_nothing_half_written(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(small_head((40, 44, 24)), tmp_path / "scan.nii.gz")
    save_prior(small_prior(), tmp_path / "bundle")
    words = [
        "restore",
        tmp_path / "scan.nii.gz",
        small_disk / "x.nii.gz",
        "--prior",
        tmp_path / "bundle",
        "--steps",
        "0",
    ]
    assert main([str(word) for word in [*words, "--scale", "3", "--quiet", "--report"]]) == 3
    assert "cannot be written" in capsys.readouterr().err
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(small_head(), tmp_path / "scan.nii.gz")
    save_prior(small_prior(), tmp_path / "bundle")
    (tmp_path / "file").write_text("no folder")
    words = ["restore", tmp_path / "scan.nii.gz", tmp_path / "file" / "x.nii.gz", "--prior", tmp_path / "bundle"]
    assert main([str(word) for word in [*words, "--scale", "1", "--steps", "0", "--quiet"]]) == 3
    assert "cannot be written" in capsys.readouterr().err


SMALL = "--steps 40 --grid 6,24,28 --detail-steps 0 --device cpu --quiet --resume --overwrite"


def test_a_kill_of_a_pretraining_loses_nothing(tmp_path: Path) -> None:
    """Killed at random moments and resumed, it learns what it would have learnt undisturbed, and leaves no image."""
    for k in range(3):
        write(small_head((22, 26, 20), seed=k), tmp_path / "cohort" / f"scan{k}.nii.gz")

    def words(out: str) -> list[str]:
        return ["pretrain", str(tmp_path / "cohort"), str(tmp_path / out), *SMALL.split()]

    script = "import torch; torch.set_num_threads(1); from monai_strainer import pretraining as p, commands, cli;"
    often = "import functools; p.pretrain = functools.partial(p.pretrain, every=5);"  # a checkpoint every 5 steps
    command = [sys.executable, "-c", f"{script}{often} import sys; sys.exit(cli.main(sys.argv[1:]))"]
    assert subprocess.run([*command, *words("whole")], capture_output=True).returncode == 0
    draw, kills = random.Random(0), 0
    for _ in range(4):
        process = subprocess.Popen([*command, *words("cut")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        runs = tmp_path / "cut" / "runs"
        while process.poll() is None and time.monotonic() < until and not runs.is_dir():
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        if (tmp_path / "cut" / "models" / "prior.json").exists():  # the rules come last: what they name is whole
            load_prior(tmp_path / "cut")
    assert kills > 0
    assert subprocess.run([*command, *words("cut")], capture_output=True).returncode == 0
    assert load_prior(tmp_path / "cut").digest == load_prior(tmp_path / "whole").digest
    left = {path.relative_to(tmp_path / "cut").as_posix() for path in (tmp_path / "cut").rglob("*") if path.is_file()}
    assert "runs/cohort.npy" not in left and not [name for name in left if "nii" in name or ".tmp-" in name], left
