# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Many scans: parts without overlap, a commit that survives a kill, a failed scan that does not stop the others."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import series
from phantoms import small_head, small_prior, small_prior_with_detail

from monai_strainer import save_prior, write
from monai_strainer.cli import main
from monai_strainer.errors import InputError
from monai_strainer.geometry import centres
from monai_strainer.pipelines.batch import (
    COLUMNS,
    Job,
    digest_of,
    find_jobs,
    is_committed,
    run_jobs,
    sentence_of,
    write_summary,
)
from monai_strainer.pipelines.restore_file import FileOptions, Outputs, restore_file
from monai_strainer.restoring.options import RestoreOptions
from monai_strainer.storage.marks import hold


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    for k in range(4):
        write(small_head(seed=k), tmp_path / "in" / f"scan{k}.nii.gz")
    save_prior(small_prior(), tmp_path / "bundle")
    return tmp_path


def words(home: Path, out: str, *more: str) -> list[str]:
    quick = ["--scale", "1", "--steps", "1", "--quiet", "--device", "cpu"]
    return ["restore", str(home / "in"), str(home / out), "--prior", str(home / "bundle"), *quick, *more]


def images(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.rglob("[!.]*.nii.gz"))}


def statuses(table: Path) -> list[str]:
    with table.open(newline="") as handle:
        return [row["status"] for row in csv.DictReader(handle, delimiter="\t")]


def test_two_shards_make_what_one_run_makes(cohort: Path) -> None:
    assert main(words(cohort, "one")) == 0
    for shard in ("1/2", "2/2"):
        assert main(words(cohort, "two", "--shard", shard)) == 0
    assert images(cohort / "one") == images(cohort / "two") and len(images(cohort / "one")) == 4


def test_what_is_done_is_passed_over_and_what_changed_is_not(cohort: Path) -> None:
    assert main(words(cohort, "out")) == 0
    assert main(words(cohort, "out")) == 0
    assert statuses(cohort / "out" / "summary.tsv") == ["skipped"] * 4
    (cohort / "out" / "scan1.nii.gz").write_bytes(b"damaged")
    assert main(words(cohort, "out")) == 8  # it is not replaced unasked
    assert main(words(cohort, "out", "--overwrite")) == 0
    assert statuses(cohort / "out" / "summary.tsv") == ["skipped", "done", "skipped", "skipped"]
    assert main(words(cohort, "out", "--overwrite", "--seed", "1")) == 0
    assert statuses(cohort / "out" / "summary.tsv") == ["done"] * 4


def test_a_changed_scan_is_restored_again(cohort: Path) -> None:
    assert main(words(cohort, "out")) == 0
    before = images(cohort / "out")
    write(small_head(seed=9), cohort / "in" / "scan1.nii.gz", overwrite=True)
    assert main(words(cohort, "out")) == 8  # its result is not replaced unasked
    assert statuses(cohort / "out" / "summary.tsv") == ["skipped", "failed", "skipped", "skipped"]
    assert main(words(cohort, "out", "--overwrite")) == 0
    assert statuses(cohort / "out" / "summary.tsv") == ["skipped", "done", "skipped", "skipped"]
    after = images(cohort / "out")
    assert [name for name in after if after[name] != before[name]] == ["scan1.nii.gz"]


def test_a_failed_scan_does_not_stop_the_others(cohort: Path) -> None:
    (cohort / "in" / "scan1.nii.gz").write_bytes(b"no image")
    assert main(words(cohort, "out")) == 8
    assert statuses(cohort / "out" / "summary.tsv") == ["done", "failed", "done", "done"]
    table = (cohort / "out" / "summary.tsv").read_text()
    assert "scan1.nii.gz: " in table and len(images(cohort / "out")) == 3
    for file in (cohort / "in").iterdir():
        file.write_bytes(b"no image")
    assert main(words(cohort, "other")) == 3


def kill(command: list[str], has_begun: Callable[[], bool], delay: float) -> None:
    """Run the command line and kill it soon after something appears, whenever that is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "monai_strainer.cli", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until and not has_begun():
        time.sleep(0.005)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_kill_loses_nothing(cohort: Path) -> None:
    assert main(words(cohort, "whole")) == 0
    for delay in (0.0, 0.05, 0.4):
        kill(words(cohort, "killed"), lambda: bool(list((cohort / "killed").glob("*"))), delay)
        for file in (cohort / "killed").glob("[!.]*.nii.gz"):
            assert file.read_bytes() == images(cohort / "whole")[file.name]  # whole, or not there
    assert main(words(cohort, "killed")) == 0
    assert images(cohort / "killed") == images(cohort / "whole")
    assert not list((cohort / "killed").glob(".*.started"))


def test_two_workers_on_one_shard_restore_every_scan_once(cohort: Path) -> None:
    command = [sys.executable, "-m", "monai_strainer.cli", *words(cohort, "both")]
    command.remove("--quiet")
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
    said = [process.communicate()[0].splitlines() for process in both]
    for process, lines in zip(both, said):
        assert process.returncode == (8 if " in work" in lines[-1] else 0), lines
    became = sorted(line for lines in said for line in lines if line.startswith("scan"))
    for k in range(4):
        mine = [line.removeprefix(f"scan{k}.nii.gz: ") for line in became if line.startswith(f"scan{k}.")]
        assert "done" in mine and mine != ["done", "done"], mine
        assert set(mine) - {"done"} <= {"skipped: done before", f"in work: {BUSY}"}
    assert main(words(cohort, "both")) == 0
    assert main(words(cohort, "one")) == 0
    assert images(cohort / "both") == images(cohort / "one")


BUSY = "another process restores it; run again when that has ended"
REPORT = {"noise": {"relative": 0.1}, "median_std": 1.0}


def commit(job: Job) -> None:
    """What a finished restoration leaves."""
    job.target.parent.mkdir(exist_ok=True)
    job.target.write_text("image")
    record = {"configuration": {}, "source_sha256": digest_of(job.source), "outputs": {}}
    job.record.write_text(json.dumps(record))


def test_a_scan_that_another_process_ends_meanwhile_is_done_in_the_table(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).touch()
    jobs = [Job(name, tmp_path / name, tmp_path / "out" / f"{name}.nii") for name in "ab"]

    def restore_one(job: Job, extra: object, overwrite: bool) -> dict[str, object]:
        commit(jobs[0])
        return REPORT

    with hold(jobs[0].mark):
        rows = run_jobs(jobs, restore_one, {}, tmp_path / "out" / "summary.tsv")
    assert [row["status"] for row in rows] == ["skipped", "done"] and rows[0]["message"] == "done by another process"


def test_a_kill_after_the_commit_leaves_no_leave_to_replace_the_result(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    job = Job("a", tmp_path / "a", tmp_path / "out" / "a.nii")
    commit(job)
    job.mark.touch()  # the process was killed before it took the mark away
    assert run_jobs([job], lambda *_: REPORT, {}, tmp_path / "out" / "s.tsv")[0]["status"] == "skipped"
    assert run_jobs([job], lambda *_: REPORT, {"seed": 1}, tmp_path / "out" / "s.tsv")[0]["status"] == "failed"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")
def test_many_scans_in_one_process_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    taken: list[int] = []

    def restore_one(job: Job, extra: dict[str, Any], overwrite: bool) -> dict[str, Any]:
        options = FileOptions(scale=(1.0,), restore=RestoreOptions(adapt=0))
        report = restore_file(job.source, job.target, prior, options, Outputs(True, True, extra=extra))
        lines = Path("/proc/self/status").read_text().splitlines()
        taken.append(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")))
        return report

    prior = small_prior_with_detail()
    for k in range(12):
        write(small_head((64, 64, 24), seed=k), tmp_path / "in" / f"scan{k:02d}.nii")  # 0.4 MB, and as much again out
    run_jobs(find_jobs(tmp_path / "in", tmp_path / "out")[0], restore_one, {}, tmp_path / "out" / "summary.tsv")
    assert len(taken) == 12 and max(taken[6:]) - max(taken[2:6]) < 4096, taken  # kB


def test_a_scan_that_another_process_restores_is_left_to_it(cohort: Path) -> None:
    (cohort / "out").mkdir()
    with hold(cohort / "out" / ".scan1.started"):
        assert main(words(cohort, "out")) == 8
        assert statuses(cohort / "out" / "summary.tsv") == ["done", "in work", "done", "done"]
        assert sorted(images(cohort / "out")) == ["scan0.nii.gz", "scan2.nii.gz", "scan3.nii.gz"]
    assert main(words(cohort, "out")) == 0  # nobody holds the mark: that was a crash
    assert statuses(cohort / "out" / "summary.tsv") == ["skipped", "done", "skipped", "skipped"]


def test_what_a_folder_holds_is_restored_or_named(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(1, 4):
        (cohort / "in" / f"scan{k}.nii.gz").unlink()
    write(small_head(seed=5), cohort / "in" / "scan0_std.nii.gz")  # a scan, whatever its name
    (cohort / "in" / "other.nrrd").touch()
    assert main(words(cohort, "out")) == 0
    line = "2 of 3 scans are done; passed over: other.nrrd (another format; convert it to NIfTI); see summary.tsv"
    assert capsys.readouterr().out.strip().splitlines()[-1] == line
    assert main(words(cohort, "with_std", "--std")) == 0  # the deviation of the one has the name of the other
    assert statuses(cohort / "with_std" / "summary.tsv") == ["done", "passed over", "passed over"]
    table = json.loads((cohort / "with_std" / "summary.tsv.json").read_text())
    assert table["found"] == 3 and "name another in a manifest" in table["passed_over"]["scan0_std.nii.gz"]


@pytest.mark.parametrize(
    ("error", "words_of_it"),
    [
        (InputError("it is dark", "make light"), "it is dark. Make light."),
        (ZeroDivisionError("Doe"), "a fault of its own (ZeroDivisionError"),
        (RuntimeError("linalg.cholesky: Doe"), "a fault of its own (RuntimeError"),
        (KeyError("Doe"), "a fault of its own (KeyError"),
        (RecursionError(), "a fault of its own (RecursionError"),
        (MemoryError("Doe"), "not enough memory"),
        (OSError(28, "No space left on device", "Doe"), "cannot be read or written (No space left on device)"),
        (FileNotFoundError(2, "No such file or directory", "Doe"), "a link that leads nowhere"),
        (AssertionError(), "a fault of its own (AssertionError"),
    ],
)
def test_any_exception_is_one_scans_failure_in_a_sentence(tmp_path: Path, error: Exception, words_of_it: str) -> None:
    def restore_one(job: Job, extra: object, overwrite: bool) -> dict[str, object]:
        if job.name == "a":
            raise error
        return {"noise": {"relative": 0.1}, "median_std": 1.0}

    for name in "ab":
        (tmp_path / name).touch()
    jobs = [Job(name, tmp_path / name, tmp_path / "out" / f"{name}.nii") for name in "ab"]
    rows = run_jobs(jobs, restore_one, {}, tmp_path / "out" / "summary.tsv")
    assert [row["status"] for row in rows] == ["failed", "done"]
    assert words_of_it in rows[0]["message"] and "Doe" not in rows[0]["message"]
    assert statuses(tmp_path / "out" / "summary.tsv") == ["failed", "done"]


def test_a_fault_of_ours_names_our_last_line_and_nothing_of_others() -> None:
    with pytest.raises(TypeError) as caught:
        centres("Doe")  # type: ignore[arg-type]
    assert re.search(r"own \(TypeError in geometry\.py, line \d+\)", sentence_of(caught.value))
    with pytest.raises(ValueError, match="Doe") as others:
        float("Doe")
    assert "(ValueError)" in sentence_of(others.value)


def test_an_interruption_is_no_failure_of_a_scan(tmp_path: Path) -> None:
    def restore_one(job: Job, extra: object, overwrite: bool) -> dict[str, object]:
        raise KeyboardInterrupt

    (tmp_path / "a").touch()
    job = Job("a", tmp_path / "a", tmp_path / "a.nii")
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job], restore_one, {}, tmp_path / "summary.tsv")
    assert job.mark.exists()  # the next run may replace what is half there


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_a_name_is_no_formula_of_a_spreadsheet(tmp_path: Path, name: str) -> None:
    rows = [{"scan": name, "noise_percent": "-0.5", "warnings": -3, "message": "a = b"}]
    write_summary([dict.fromkeys(COLUMNS, "") | row for row in rows], tmp_path / "summary.tsv")
    with (tmp_path / "summary.tsv").open(newline="") as handle:
        (row,) = csv.DictReader(handle, delimiter="\t")
    assert row["scan"] == f"'{name}"
    assert (row["noise_percent"], row["warnings"], row["message"]) == ("-0.5", "-3", "a = b")


def test_a_manifest_names_inputs_and_outputs(cohort: Path) -> None:
    (cohort / "list.tsv").write_text("input\toutput\nin/scan2.nii.gz\tb/two.nii.gz\nin/scan0.nii.gz\ta.nii.gz\n")
    jobs, _ = find_jobs(cohort / "list.tsv", cohort / "out")
    assert [job.name for job in jobs] == ["in/scan0.nii.gz", "in/scan2.nii.gz"]
    line = words(cohort, "out")
    line[1] = str(cohort / "list.tsv")
    assert main(line) == 0
    assert sorted(images(cohort / "out")) == ["a.nii.gz", "two.nii.gz"]


def test_a_record_holds_for_its_input_configuration_and_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("scan")
    (tmp_path / "x.nii.gz").write_text("image")
    job = Job("in", tmp_path / "in", tmp_path / "x.nii.gz")
    record = {"configuration": {"seed": 0}, "source_sha256": digest_of(job.source), "outputs": {}}
    record["outputs"] = {"x.nii.gz": digest_of(job.target)}
    job.record.write_text(json.dumps(record))
    assert is_committed(job, {"seed": 0}) and not is_committed(job, {"seed": 1})
    job.target.write_text("another")
    assert not is_committed(job, {"seed": 0})
    job.target.write_text("image")
    job.source.write_text("another scan")
    assert not is_committed(job, {"seed": 0})
    job.source.write_text("scan")
    assert is_committed(job, {"seed": 0})
    job.record.write_text("{")
    assert not is_committed(job, {"seed": 0})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_fails_every_scan(cohort: Path) -> None:
    (cohort / "shut").mkdir(mode=0o500)
    assert main(words(cohort, "shut/out")) == 3


def test_the_index_links_every_page(cohort: Path) -> None:
    assert main(words(cohort, "out")) == 0
    text = (cohort / "out" / "index.html").read_text()
    assert all(f'href="scan{k}.html"' in text for k in range(4))
    assert np.all([f"scan{k}.html" in {f.name for f in (cohort / "out").iterdir()} for k in range(4)])


@pytest.mark.filterwarnings("ignore")
def test_a_manifest_of_series_makes_series(cohort: Path) -> None:
    for name in ("a", "b"):
        series(cohort / "dicom" / name)
    (cohort / "list.tsv").write_text("input\toutput\ndicom/a\tone\ndicom/b\ttwo\n")
    line = words(cohort, "out")
    line[1] = str(cohort / "list.tsv")
    assert main(line) == 0 and main(line) == 0
    assert statuses(cohort / "out" / "summary.tsv") == ["skipped"] * 2
    assert len(list((cohort / "out" / "one").glob("*.dcm"))) == len(list((cohort / "out" / "two").glob("*.dcm"))) == 8
    next((cohort / "out" / "one").glob("*.dcm")).unlink()
    assert main([*line, "--overwrite"]) == 0
    assert statuses(cohort / "out" / "summary.tsv") == ["done", "skipped"]


def test_a_kill_leaves_a_dicom_series_whole_or_not_there(tmp_path: Path) -> None:
    save_prior(small_prior(), tmp_path / "bundle")
    series(tmp_path / "in")

    def files(out: str) -> set[str]:
        return {str(file.relative_to(tmp_path / out)) for file in (tmp_path / out).rglob("*.dcm")}

    assert main(words(tmp_path, "whole", "--std")) == 0
    for delay in (0.0, 0.02, 0.1):
        there = set(tmp_path.iterdir())
        kill(words(tmp_path, "killed", "--std"), lambda there=there: set(tmp_path.iterdir()) != there, delay)
        if (tmp_path / "killed").exists():
            assert files("killed") == files("whole")
            break
    assert main(words(tmp_path, "killed", "--std", "--overwrite")) == 0
    assert files("killed") == files("whole")


def test_the_slurm_example_divides_a_cohort(cohort: Path) -> None:
    """Its script, run as SLURM runs the tasks of an array; a stand-in for ``srun`` launches what it is given."""
    tools = cohort / "tools"
    tools.mkdir()
    (tools / "srun").write_text('#!/bin/bash\nexec "$@"\n')
    (tools / "monai-strainer").write_text(f'#!/bin/bash\nexec {sys.executable} -m monai_strainer.cli "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    script = Path(__file__).resolve().parents[2] / "examples" / "slurm" / "restore.sbatch"
    for task in ("1", "2"):
        variables = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
        environment = {**os.environ, **variables, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        command = ["bash", str(script), str(cohort / "in"), str(cohort / "out")]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        assert statuses(cohort / "out" / f"summary-{task}-of-2.tsv") == ["done", "done"]
    assert len(images(cohort / "out")) == 8  # four scans, and how sure each is


FLAT = """
import sys
from pathlib import Path
from monai_strainer.errors import InputError
from monai_strainer.pipelines.batch import find_jobs, run_jobs
from monai_strainer.pipelines.restore_file import FileOptions, Outputs, restore_file
from monai_strainer.priors.store import load_prior

home, prior, sizes = Path(sys.argv[1]), load_prior(Path(sys.argv[1]) / "bundle"), []
jobs, _ = find_jobs(home / "in", home / "out")

def one(job, extra, overwrite):
    report = restore_file(job.source, job.target, prior, FileOptions(scale=1), Outputs(extra=extra))
    sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
    return report

run_jobs(jobs, one, {}, home / "out" / "summary.tsv")
print(*sizes)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of a process on Linux")
def test_memory_does_not_grow_from_scan_to_scan(tmp_path: Path) -> None:
    for k in range(12):
        write(small_head((40 + k % 3, 44, 10), seed=k), tmp_path / "in" / f"scan{k:02}.nii.gz")
    save_prior(small_prior_with_detail(), tmp_path / "bundle")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FLAT, str(tmp_path)], capture_output=True, text=True, check=True
    )
    sizes = [float(size) for size in done.stdout.split()[-12:]]
    # What a scan leaves behind is in every later size; what it takes for a moment is not, so the lowest are compared.
    assert len(sizes) == 12 and min(sizes[8:]) - min(sizes[2:6]) < 3, sizes  # MiB
