# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Clear up after killed processes: remove their half-written files, and put replaced folders back in their place."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
from contextlib import suppress
from pathlib import Path

__all__ = ["clear", "fresh", "is_alive", "release"]

# kind, host (absent in older names), process, draw, and for a replaced folder the hash of its name; then any suffix
_OURS = re.compile(r"\.(tmp|old)-(?:([0-9a-f]{8})-)?(\d+)-[0-9a-f]{8}(?:-([0-9a-f]{12}))?(?:\..*)?")
_in_use: set[str] = set()  # names of this process: another one may have had its number before


def host() -> str:
    """Eight hexadecimal digits that stand for this machine."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _digest(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:12]


def is_alive(process: int) -> bool:
    """Return whether a process of this machine is running; yes where the system cannot be asked without harm."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it is there and belongs to somebody else
    return True


def fresh(kind: str, target: Path, suffix: str = "") -> Path:
    """Return a hidden path beside a target that names its process: ``.tmp-<host>-<process>-<draw>``; see ``release``.

    Args:
        kind: ``"tmp"`` for what is being written, ``"old"`` for what is being replaced.
        target: that will be written.
        suffix: of the hidden name.
    """
    whose = f"-{_digest(target.name)}" if kind == "old" else ""
    path = target.with_name(f".{kind}-{host()}-{os.getpid()}-{secrets.token_hex(4)}{whose}{suffix}")
    _in_use.add(path.name)
    return path


def release(*paths: Path) -> None:
    """Give names of ``fresh`` back."""
    _in_use.difference_update(path.name for path in paths)


def _is_abandoned(name: str, machine: str | None, process: int) -> bool:
    if name in _in_use or machine not in (None, host()):
        return False
    return process == os.getpid() or not is_alive(process)


def clear(target: Path) -> None:
    """Remove what dead processes of this machine left beside an output.

    A folder that was moved away to be replaced is moved back where nothing stands in its place, and removed otherwise.
    Names that are not exactly ours, and those of running processes, are left alone.

    Args:
        target: file or folder that is to be written.

    Example:
        >>> import tempfile
        >>> home = Path(tempfile.mkdtemp())
        >>> for name in (".tmp-999999999-0123abcd.nii.gz", ".tmp-notes", "scan.nii.gz"):
        ...     (home / name).touch()
        >>> clear(home / "scan.nii.gz")
        >>> sorted(path.name for path in home.iterdir())
        ['.tmp-notes', 'scan.nii.gz']
    """
    try:
        names = [name for name in os.listdir(target.parent) if name.startswith((".tmp-", ".old-"))]
    except OSError:
        return
    for name in names:
        found = _OURS.fullmatch(name)
        if found is None or not _is_abandoned(name, found[2], int(found[3])):
            continue
        path = target.with_name(name)
        with suppress(OSError):  # another process may be clearing up as well
            if found[1] == "old":
                if found[4] != _digest(target.name):
                    continue  # the run that makes that folder again will want it
                if not target.exists():
                    os.replace(path, target)
                    continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
