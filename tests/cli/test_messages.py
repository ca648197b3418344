# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a command says, where, and when: dated lines, the time that is left, a log file; the library is silent."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
from phantoms import small_head, small_prior_with_detail

from monai_strainer import save_prior, write
from monai_strainer.cli import learn, main
from monai_strainer.cli.messages import PACKAGE, _Console, duration, log, messages_of, warnings_as_notes

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    for k in range(3):
        write(small_head(seed=k), tmp_path / "in" / f"scan{k}.nii.gz")
    save_prior(small_prior_with_detail(), tmp_path / "bundle")
    return tmp_path


def run(home: Path, *more: object) -> int:
    words = ["restore", home / "in", home / "out", "--prior", home / "bundle", "--scale", "1", "--adapt", "0"]
    return main([str(word) for word in [*words, "--device", "cpu", *more]])


def test_without_a_terminal_every_line_has_its_time(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cohort) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert lines and all(re.match(STAMP, line) for line in lines)
    assert re.search(r"1 of 3 scans done, 2 left, about \d+ s$", said.err, re.M)
    assert said.out.splitlines()[0] == "scan0.nii.gz: done"


def test_quiet_says_nothing_but_results_and_verbose_says_why(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cohort, "-q") == 0
    quiet = capsys.readouterr()
    assert quiet.err == "" and "3 of 3 scans are done" in quiet.out
    assert run(cohort, "-v", "--seed", "1", "--overwrite") == 0
    assert "prior: general (" in capsys.readouterr().err


def test_the_log_file_has_all_levels_results_and_the_error_that_ends_a_run(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs" / "run.log"
    assert run(cohort, "-q", "--log", log) == 0
    assert run(cohort, "--prior", tmp_path / "none", "--log", log) == 3
    text = log.read_text()
    assert re.search(rf"^{STAMP}RESULT  scan1.nii.gz: done$", text, re.M)
    assert re.search(rf"^{STAMP}DEBUG   prior: general", text, re.M)
    assert re.search(rf"^{STAMP}ERROR   model.pt: there is no models/model.pt in none", text, re.M)
    assert capsys.readouterr().err.startswith("monai-strainer: ")
    assert not logging.getLogger("monai_strainer").handlers


def test_a_log_that_cannot_be_written_is_refused_before_anything(
    cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cohort, "--log", cohort / "in") == 3
    assert "name another file with --log" in capsys.readouterr().err.lower() and not (cohort / "out").exists()


def test_the_library_is_silent_in_python(cohort: Path) -> None:
    code = (
        "from monai_strainer import load_prior, read, restore;"
        f"restore(read({str(cohort / 'in' / 'scan0.nii.gz')!r}), load_prior({str(cohort / 'bundle')!r}), 1, adapt=0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (91, "2 min"), (7260, "2 h 1 min")])
def test_a_length_of_time_is_rounded(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_trial_says_the_time_of_a_training_and_changes_nothing(
    cohort: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learn, "WORTH_A_TRIAL", 1)
    for k in range(3):
        write(small_head((22, 26, 16), seed=k), cohort / "in" / f"scan{k}.nii.gz", overwrite=True)
    small = ["--grid", "4,12,14", "--steps", "2", "--detail-steps", "0", "--device", "cpu"]
    for name, more in (("one", []), ("two", ["--quiet"])):  # those who hear nothing need no trial
        assert main(["pretrain", str(cohort / "in"), str(cohort / name), *small, *more]) == 0
        said = capsys.readouterr().err
        assert ("on this machine for the steps of the networks" in said) == (name == "one")
    one, two = (cohort / name / "models" / "model.pt" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_closed_stream_is_not_replaced_by_another(capsys: pytest.CaptureFixture[str]) -> None:
    _Console(None, None).emit(logging.LogRecord("a", logging.WARNING, "", 0, "words", None, None))
    assert capsys.readouterr() == ("", "")


def test_two_threads_show_their_own_messages(tmp_path: Path) -> None:
    """The last that leaves sets the logger back; what a worker of theirs says is shown."""
    level, spread, both = log.level, log.propagate, threading.Barrier(2)

    def command(name: str, stays: bool) -> None:
        with messages_of(True, False, tmp_path / f"{name}.log"):
            both.wait()
            log.info("from %s", name)
            both.wait()
            if stays:
                worker = threading.Thread(target=log.info, args=("from a worker",))
                worker.start()
                worker.join()
                left.wait()
                log.info("last of %s", name)
        if not stays:
            left.set()

    left = threading.Event()
    threads = [threading.Thread(target=command, args=each) for each in (("one", True), ("two", False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = {name: (tmp_path / f"{name}.log").read_text() for name in ("one", "two")}
    assert [line.split(" INFO    ")[1] for line in said["one"].splitlines()] == [
        "from one",
        "from a worker",
        "last of one",
    ]
    assert "from two" in said["two"] and "one" not in said["two"]
    assert (log.level, log.propagate, log.handlers) == (level, spread, [])


def test_a_warning_of_the_package_is_a_note_and_one_of_another_library_is_passed_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, kind, filename, *_: passed_on.append(filename))
    before = warnings.showwarning
    with messages_of(False, False, None), warnings_as_notes():
        for file in (str(PACKAGE / "io" / "files.py"), "elsewhere.py"):
            warnings.showwarning("look at it", UserWarning, file, 7)
    assert capsys.readouterr().err.count("note: look at it") == 1 and passed_on == ["elsewhere.py"]
    assert warnings.showwarning is before
