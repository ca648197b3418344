# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write files whole or not at all: under a hidden name, forced to disk, then renamed."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .leftovers import clear, fresh, release

__all__ = [
    "atomic",
    "atomic_files",
    "atomic_folder",
    "clear",
    "is_there",
    "json_line",
    "json_text",
    "make_folder",
    "move",
    "reserve",
    "stem",
    "write_json",
]


def stem(path: str | os.PathLike[str]) -> str:
    """Return the file name without its suffix, where ``.nii.gz`` counts as one suffix.

    Example:
        >>> stem("sub-01_T1w.nii.gz"), stem("scan.v2.nii")
        ('sub-01_T1w', 'scan.v2')
    """
    name = Path(path).name
    return Path(name[:-3]).stem if name.lower().endswith(".gz") else Path(name).stem


def is_there(path: Path) -> bool:
    """Return whether a file, or a folder with anything in it, stands where an output would go."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _sync(path: Path) -> None:
    """Force a file or, where the system can, a folder to disk."""
    if path.is_dir():
        if os.name != "posix":
            return
        handle = os.open(path, os.O_RDONLY)
    else:
        handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name to write to; on leaving the block it becomes ``path``, on any error it is removed.

    A reader, a second worker or a crash sees the old file or the new one, never half of one. Missing folders are made.
    What killed processes left in the folder is removed.

    Args:
        path: the file to be written.

    Yields:
        a hidden path ``.tmp-...`` in the same folder with the same suffix.

    Raises:
        OSError: the folder cannot be made or written to; it names ``path``, not the temporary file.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "new" / "note.txt"
        >>> with atomic(target) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> target.read_text(), len(list(target.parent.iterdir()))
        ('whole', 1)
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    clear(target)
    temporary = fresh("tmp", target, target.name[len(stem(target)) :])
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(target), None
        raise
    finally:
        temporary.unlink(missing_ok=True)
        release(temporary)
    _sync(target.parent)


@contextmanager
def atomic_files(paths: Sequence[Path], record: Path | None = None) -> Iterator[list[Path]]:
    """Temporary names for files that belong together; not one of them takes its place before all are on disk.

    A full disk thus leaves the old files, all of them. They take their places in the order given.

    Args:
        paths: the files to be written.
        record: an old file that describes what is replaced; removed before the first takes its place.

    Yields:
        a hidden path for each.

    Raises:
        OSError: see :func:`atomic`.

    Example:
        >>> import tempfile
        >>> home = Path(tempfile.mkdtemp())
        >>> with atomic_files([home / "a", home / "b"]) as (a, b):
        ...     _ = a.write_text("one"), b.write_text("two")
        >>> sorted(file.name for file in home.iterdir())
        ['a', 'b']
    """
    with ExitStack() as leaving:  # which leaves the last first
        temporary = [leaving.enter_context(atomic(path)) for path in reversed(paths)][::-1]
        yield temporary
        for file in temporary:
            _sync(file)
        if record is not None:
            record.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, and force them to disk: they outlive a power cut.

    Raises:
        OSError: the folder cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        _sync(folder.parent)


def move(source: Path, target: Path) -> None:
    """Move a file or a folder within a file system in one step, and force both its folders to disk.

    Args:
        source: file or folder.
        target: its new path, on the same file system.

    Raises:
        OSError: it cannot be moved; a folder with something in it stands at ``target``.

    Example:
        >>> import tempfile
        >>> home = Path(tempfile.mkdtemp())
        >>> make_folder(home / "a" / "series")
        >>> move(home / "a" / "series", home / "series")
        >>> sorted(path.name for path in home.iterdir())
        ['a', 'series']
    """
    os.replace(source, target)
    _sync(target.parent)
    if source.parent != target.parent:
        _sync(source.parent)


def reserve(path: Path, size: int) -> None:
    """Take the space of a new file before it is mapped: a disk that fills under a mapping kills the process.

    Args:
        path: of the file; it is made, or emptied.
        size: in bytes.

    Raises:
        OSError: there is not so much space; it names ``path``.
    """
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate") and size:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                path.unlink()
                error.filename = str(path)
                raise


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder to fill; on leaving the block it becomes ``path``, on any error it is removed.

    What stood at ``path`` is replaced as a whole. Where a process is killed between the two renames of that, the next
    writer of ``path`` moves the old folder back first.

    Args:
        path: the folder to be written.

    Yields:
        a hidden, empty folder beside it.

    Raises:
        OSError: the folder cannot be made or written to.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "series"
        >>> with atomic_folder(target) as temporary:
        ...     _ = (temporary / "1.dcm").write_text("whole")
        >>> [file.name for file in target.iterdir()]
        ['1.dcm']
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    clear(target)
    temporary, old = fresh("tmp", target), fresh("old", target)
    temporary.mkdir()
    try:
        yield temporary
        for file in sorted(temporary.rglob("*")):
            _sync(file)
        _sync(temporary)
        if target.exists():
            os.replace(target, old)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not target.exists():  # the exchange broke off half-way
            os.replace(old, target)
        shutil.rmtree(old, ignore_errors=True)
        release(temporary, old)
    _sync(target.parent)


def _plain(value: Any) -> Any:
    """Convert a value to types of JSON: arrays to lists, paths to base names (folders may name patients), no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, os.PathLike):
        return Path(value).name
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def json_text(obj: Mapping[str, Any]) -> str:
    """Return a mapping as indented JSON; numpy numbers and arrays become plain ones, what is not finite ``null``."""
    return json.dumps(_plain(obj), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_line(obj: Mapping[str, Any]) -> str:
    """Return a mapping as JSON in one line, with plain values as :func:`json_text`.

    Example:
        >>> json_line({"sigma": float("nan"), "name": "Bär"})
        '{"sigma": null, "name": "Bär"}'
    """
    return json.dumps(_plain(obj), ensure_ascii=False, allow_nan=False)


def write_json(path: str | os.PathLike[str], obj: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, whole or not at all.

    Numpy numbers and arrays become plain ones, a number that is not finite becomes ``null``.

    Args:
        path: of the file.
        obj: to write.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> write_json(path, {"sigma": np.float32(0.5), "best": float("nan")})
        >>> json.loads(path.read_text())
        {'sigma': 0.5, 'best': None}
    """
    with atomic(path) as temporary:
        temporary.write_text(json_text(obj), encoding="utf-8")
