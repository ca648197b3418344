# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The scans of a folder or a manifest, and the part of each worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.errors import InputError
from monai_strainer.pipelines.jobs import (
    Job,
    find_jobs,
    shard_of,
)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_shards_are_a_partition(n: int) -> None:
    jobs = [Job(str(k), Path(str(k)), Path("out") / str(k)) for k in range(5)]
    shares = [shard_of(jobs, f"{k}/{n}") for k in range(1, n + 1)]
    assert sorted(job.name for share in shares for job in share) == [job.name for job in jobs]


@pytest.mark.parametrize("shard", ["0/2", "3/2", "x", "1", "1/0", "-1/2"])
def test_a_shard_that_is_none_is_refused(shard: str) -> None:
    with pytest.raises(InputError, match="not k/n"):
        shard_of([], shard)


def test_a_broken_row_of_a_manifest_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_bytes(b"\xef\xbb\xbfinput\toutput\na.nii\tx.nii\n\tb.nii\nc.nii\ty.nii\tz\n")
    jobs, passed = find_jobs(tmp_path / "m.tsv", tmp_path / "out")
    assert [job.name for job in jobs] == ["a.nii"] and [name for name, _ in passed] == ["m.tsv, row 3", "m.tsv, row 4"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "no column 'input'"),
        ("scan\nx\n", "no column 'input'"),
        ("input\toutput\na\t../b\n", "outside the output folder"),
        ("input\toutput\na\tx.nii\nb\tx.nii\n", "two scans have one output"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path: Path, text: str, finding: str) -> None:
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(InputError, match=finding):
        find_jobs(tmp_path / "m.tsv", tmp_path / "out")
