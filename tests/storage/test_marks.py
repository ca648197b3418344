# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A mark is held by one process at a time, and its lock goes with the process."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monai_strainer.storage import marks
from monai_strainer.storage.leftovers import host
from monai_strainer.storage.marks import Busy, hold

HOLDER = """
import sys, time
from pathlib import Path
from monai_strainer.storage.marks import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_mark_of_a_running_process_is_no_crash_and_that_of_a_killed_one_is(tmp_path: Path) -> None:
    mark = tmp_path / "new" / ".scan.started"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(mark)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(Busy), hold(mark):
            pass
        other.send_signal(signal.SIGKILL)
    with hold(mark) as was_begun:
        assert was_begun
        mark.unlink()
    assert os.listdir(mark.parent) == []


def test_an_empty_mark_is_one_of_a_crash(tmp_path: Path) -> None:
    (tmp_path / ".scan.started").touch()
    with hold(tmp_path / ".scan.started") as was_begun:
        assert was_begun


@pytest.mark.parametrize(
    ("text", "is_held"),
    [
        (f"{host()} {os.getppid()}", True),
        (f"{host()} 999999999", False),
        (f"{host()} {os.getpid()}", False),
        ("00000000 999999999", True),  # another machine's, and young
        ("", False),
    ],
    ids=["parent", "no process", "itself", "other machine", "empty"],
)
def test_without_locks_the_mark_says_who_holds_it(
    tmp_path: Path, text: str, is_held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: object) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(marks.fcntl, "flock", none)
    mark = tmp_path / ".scan.started"
    mark.write_text(text)
    if is_held:
        with pytest.raises(Busy), hold(mark):
            pass
    else:
        with hold(mark) as was_begun:
            assert was_begun


def test_without_links_a_mark_is_made_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", none)
    with hold(tmp_path / ".scan.started") as was_begun:
        assert not was_begun
        with pytest.raises(Busy), hold(tmp_path / ".scan.started"):
            pass
    assert os.listdir(tmp_path) == [".scan.started"]
