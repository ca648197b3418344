# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Who trains, as participants.tsv says it, in whatever way a spreadsheet saves that."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.cohorts.read import split_scans
from monai_strainer.cohorts.split import read_split
from monai_strainer.errors import InputError

ROWS = [("sub-01", "train"), ("sub-02", "val"), ("sub-03", "test"), ("sub-04", "n/a")]


HEAD = "participant_id\tsplit"


def table(folder: Path, rows: list[tuple[str, str]], head: str = HEAD, encoding: str = "utf-8") -> None:
    text = head + "\r\n" + "".join(f"{name}\t{word}\r\n" for name, word in rows)
    (folder / "participants.tsv").write_bytes(text.encode(encoding))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for k in range(1, 5):
        (tmp_path / f"sub-0{k}" / "anat").mkdir(parents=True)
        (tmp_path / f"sub-0{k}" / "anat" / f"sub-0{k}_T1w.nii.gz").touch()
    return tmp_path


def parts(dataset: Path) -> list[list[str]]:
    return [[path.name[:6] for path in part] for part in split_scans(dataset)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("head", [HEAD, "Participant_ID\tSplit", "PARTICIPANT_ID\t SPLIT "])
def test_a_mark_and_the_case_make_no_difference(dataset: Path, encoding: str, head: str) -> None:
    table(dataset, ROWS, head, encoding)
    assert parts(dataset) == [["sub-01"], ["sub-02"]]


@pytest.mark.parametrize("word", ["train", "training", "Train", "TRAINING ", "train\u00a0"])
def test_words_for_training(dataset: Path, word: str) -> None:
    table(dataset, [(name, word) for name, _ in ROWS[:3]] + [("sub-04", "validation")])
    assert parts(dataset) == [["sub-01", "sub-02", "sub-03"], ["sub-04"]]


@pytest.mark.parametrize("word", ["val", "Validation", "VAL"])
def test_words_for_validation(dataset: Path, word: str) -> None:
    table(dataset, [("sub-01", word), ("sub-02", "train"), ("sub-03", "test"), ("sub-04", "train")])
    assert parts(dataset) == [["sub-02", "sub-04"], ["sub-01"]]


def test_without_a_validation_part_the_test_part_validates(dataset: Path) -> None:
    table(dataset, [("01", "train"), ("02", "test"), ("03", "train"), ("04", "")])
    assert parts(dataset) == [["sub-01", "sub-03"], ["sub-02"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("participant_id\tsplit\nsub-01\ttrain\n".encode("utf-16"), "not UTF-8"),
        ("participant_id\tsplit\nsub-01\ttrain\n".encode("utf-16-le"), "UTF-16"),
        ("participant_id\tsplit\tsite\nsub-01\ttrain\tKöln\n".encode("latin-1"), "not UTF-8"),
        (b"participant_id\tsplit\nsub-01\tlearn\n", "the split 'learn' in line 2 is not known"),
        (b"participant_id,split\nsub-01,train\n", "not separated by tabs"),
        (b"participant_id;split\nsub-01;train\n", "not separated by tabs"),
        (b"id\tsplit\nsub-01\ttrain\n", "one participant_id and one split"),
        (b"participant_id\tsplit\tSplit\nsub-01\ttrain\tval\n", "one participant_id and one split"),
        (b"participant_id\tsplit\nsub-01\ttrain\nsub-01\tval\n", "line 3 puts a participant into a second split"),
        (b"participant_id\tsplit\nsub-01\tval\n", "no scan belongs to the split 'train'"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused(dataset: Path, text: bytes, says: str) -> None:
    (dataset / "participants.tsv").write_bytes(text)
    with pytest.raises(InputError, match=f"participants.tsv: .*{says}"):
        split_scans(dataset)


@pytest.mark.parametrize("text", [b"", b"participant_id\tage\nsub-01\t30\n"])
def test_a_table_without_a_split_decides_nothing(dataset: Path, text: bytes) -> None:
    (dataset / "participants.tsv").write_bytes(text)
    assert parts(dataset) == [["sub-01", "sub-02", "sub-03"], ["sub-04"]]


def test_a_participant_with_a_broken_row_and_a_whole_one_is_refused(dataset: Path) -> None:
    text = "participant_id\tage\tsplit\nsub-01\ttrain\nsub-01\t3\ttrain\nsub-02\t3\ttrain\n"
    (dataset / "participants.tsv").write_text(text)
    with pytest.raises(InputError, match="line 3 puts a participant into a second split"):
        read_split(dataset / "participants.tsv")


def test_a_broken_row_is_a_finding_and_trains_nothing(dataset: Path) -> None:
    text = "participant_id\tage\tsplit\nsub-01\t3\ttrain\nsub-02\ttrain\n\nsub-03\t3\ttrain\tx\nsub-04\t3\ttrain\n"
    (dataset / "participants.tsv").write_text(text)
    found = read_split(dataset / "participants.tsv")
    assert found is not None and [finding.split(":")[0][-6:] for finding in found.findings] == ["line 3", "line 5"]
    assert parts(dataset)[0] == ["sub-01", "sub-04"]
