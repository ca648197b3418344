# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A process ends at once, and nothing is lost: what was printed, the exit code, what was registered for the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = "import atexit, sys, threading, time; from monai_strainer.cli.leaving import leave; "


def ended(code: str) -> tuple[int, str]:
    """The exit code of a process and what it printed."""
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("code", [0, 3])
def test_what_was_printed_is_written_and_what_is_registered_is_called(code: int) -> None:
    assert ended(f"atexit.register(print, 'end'); print('last word', end=' '); leave({code})") == (
        code,
        "last word end\n",
    )


def test_objects_are_not_taken_apart() -> None:
    lasting = "class Lasting:\n    def __del__(self): print('taken apart')\n"
    code = f"exec({lasting!r}); kept = Lasting(); "
    assert ended(code + "leave(0)") == (0, "")
    assert ended(code + "sys.exit(0)") == (0, "taken apart\n")


def test_another_thread_is_waited_for() -> None:
    code = "threading.Thread(target=lambda: (time.sleep(0.3), print('done'))).start(); leave(0)"
    assert ended(code) == (0, "done\n")


def test_the_exit_code_of_a_command_is_that_of_its_process() -> None:
    command = [sys.executable, "-m", "monai_strainer.cli", "restore", "absent.nii.gz", "out.nii.gz"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "absent.nii.gz" in done.stderr


def into(output: int, unbuffered: str, *words: str) -> tuple[int, str]:
    """The exit code of a process that prints into a file descriptor, and its errors."""
    surroundings = {**os.environ, "PYTHONUNBUFFERED": unbuffered}  # empty: as if it were not set
    done = subprocess.run(
        [sys.executable, *words], stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=surroundings
    )
    os.close(output)
    return done.returncode, done.stderr


@pytest.mark.parametrize(("unbuffered", "code"), [("", 0), ("1", 141)])
def test_a_reader_that_has_heard_enough_is_no_error(unbuffered: str, code: int) -> None:
    read, write = os.pipe()
    os.close(read)
    quick, command = ("-c", BEGIN + "print('x'); leave(0)"), ("-m", "monai_strainer.cli", "completion", "bash")
    words = command if unbuffered else quick
    assert into(write, unbuffered, *words) == (code, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_what_cannot_be_printed_is_an_error() -> None:
    code, said = into(os.open("/dev/full", os.O_WRONLY), "", "-c", BEGIN + "print('x'); leave(0)")
    assert code == 3 and said.startswith("monai-strainer: the output cannot be written (No space left on device)")
    assert len(said.splitlines()) == 1
