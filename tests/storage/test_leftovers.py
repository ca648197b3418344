# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""After a kill: what is half-written goes, what was whole stays, and nothing of a running process is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monai_strainer.storage.atomic import atomic, atomic_folder, clear
from monai_strainer.storage.leftovers import fresh, host, release

KILLED_AT_RENAME = """
import os, sys
from monai_strainer.storage.atomic import atomic_folder
replace, left = os.replace, [int(sys.argv[2])]
def one(a, b):
    if left[0] == 0:
        os._exit(9)
    left[0] -= 1
    replace(a, b)
os.replace = one
with atomic_folder(sys.argv[1]) as temporary:
    (temporary / "1.dcm").write_text("new")
"""


def killed(target: Path, renames: int) -> None:
    command = [sys.executable, "-c", KILLED_AT_RENAME, str(target), str(renames)]
    assert subprocess.run(command, check=False).returncode == 9


@pytest.mark.parametrize("renames", [0, 1])
def test_a_kill_while_a_folder_is_replaced_loses_nothing(tmp_path: Path, renames: int) -> None:
    target = tmp_path / "series"
    target.mkdir()
    (target / "1.dcm").write_text("old")
    killed(target, renames)
    clear(target)
    assert (target / "1.dcm").read_text() == "old" and os.listdir(tmp_path) == ["series"]
    with atomic_folder(target) as temporary:
        (temporary / "1.dcm").write_text("newer")
    assert (target / "1.dcm").read_text() == "newer" and os.listdir(tmp_path) == ["series"]


def test_a_replaced_folder_waits_for_the_run_that_makes_it_again(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    killed(tmp_path / "series", 1)
    clear(tmp_path / "another")
    assert [name[:5] for name in os.listdir(tmp_path)] == [".old-"]
    clear(tmp_path / "series")
    assert os.listdir(tmp_path) == ["series"]


def dead(name: str) -> str:
    return name.replace("HOST", host()).replace("PID", "999999999")


@pytest.mark.parametrize("name", [".tmp-PID-0123abcd.nii.gz", ".tmp-HOST-PID-0123abcd", ".tmp-HOST-PID-0123abcd.json"])
def test_what_a_dead_process_left_goes_with_the_next_write(tmp_path: Path, name: str) -> None:
    (tmp_path / dead(name)).touch()
    with atomic(tmp_path / "a.json") as temporary:
        temporary.touch()
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    "name",
    [".tmp-notes", ".tmp-PID-short.nii", ".old-mine", ".tmp-00000000-PID-0123abcd", f".tmp-{os.getppid()}-0123abcd"],
)
def test_names_of_others_and_of_running_processes_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / dead(name)).touch()
    clear(tmp_path / "a.json")
    assert os.listdir(tmp_path) == [dead(name)]


def test_what_this_process_writes_stays_and_what_another_of_its_number_left_goes(tmp_path: Path) -> None:
    mine = fresh("tmp", tmp_path / "a")
    for path in (mine, tmp_path / f".tmp-{host()}-{os.getpid()}-0123abcd"):
        path.touch()
    clear(tmp_path / "a")
    assert os.listdir(tmp_path) == [mine.name]
    release(mine)
