# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A folder is replaced only if all of it was written here; no path that was read is ever replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_files import SHAPE, series

from monai_strainer.errors import InputError
from monai_strainer.io import read, write
from monai_strainer.io.replacing import require_free, require_free_folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def the_folder_above(home: Path) -> Path:
    return home


def the_folder_itself(home: Path) -> Path:
    return home / "in"


def a_link_to_the_folder_above(home: Path) -> Path:
    (home / "link").symlink_to(home, target_is_directory=True)
    return home / "link"


@pytest.mark.parametrize("way", [the_folder_above, the_folder_itself, a_link_to_the_folder_above])
@pytest.mark.parametrize("name", ["", "04.dcm"])
def test_no_folder_with_an_input_in_it_is_replaced(way: Callable[[Path], Path], name: str, tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in") / name)
    target, before = way(tmp_path), content(tmp_path)
    with pytest.raises(InputError, match=r"the input|other files|files that monai_strainer did not write"):
        write(scan, target, overwrite=True)
    assert content(tmp_path) == before


def test_another_input_is_not_replaced_by_a_series(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    write(scan, tmp_path / "other", report={})
    before = content(tmp_path)
    for target in (tmp_path / "other", tmp_path / "other" / "new"):
        with pytest.raises(InputError, match="the input"):
            write(scan, target, inputs=[tmp_path / "other"], overwrite=True)
    assert content(tmp_path) == before


def test_an_earlier_result_is_replaced_and_other_files_are_not(tmp_path: Path) -> None:
    scan, out = read(series(tmp_path / "in")), tmp_path / "out"
    write(scan, out, report={}, std=scan.data)
    (out / ".DS_Store").touch()
    write(scan, out, report={}, overwrite=True)
    assert len(list(out.rglob("*.dcm"))) == SHAPE[2] and not (out / ".DS_Store").exists()
    (out / "notes.txt").write_text("mine")
    (out / "more").mkdir()
    series(out / "more")
    with pytest.raises(InputError, match=f"out: the folder holds {1 + SHAPE[2]} files that monai_strainer did not"):
        write(scan, out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine" and len(list((out / "more").iterdir())) == SHAPE[2]


def test_a_record_of_ours_does_not_cover_files_of_others(tmp_path: Path) -> None:
    for name in ("monai_strainer.json", "MR00001.dcm"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="holds 1 files"):
        require_free_folder(tmp_path, [], True)


def test_a_folder_that_exists_needs_a_word(tmp_path: Path) -> None:
    require_free_folder(tmp_path / "new", [], False)
    require_free_folder(tmp_path, [], False)  # nothing in it
    (tmp_path / "file").touch()
    for target in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="of this name exists"):
            require_free_folder(target, [], False)


@pytest.mark.parametrize("target", ["b.nii.gz", "b.json"])
def test_no_input_and_no_name_of_its_sidecar_is_replaced(target: str, tmp_path: Path) -> None:
    inputs = [tmp_path / "a.nii", tmp_path / "b.nii"]
    require_free([tmp_path / "c.nii.gz"], inputs, True)
    with pytest.raises(InputError, match="the input itself or takes its name"):
        require_free([tmp_path / "c.nii.gz", tmp_path / target], inputs, True)
