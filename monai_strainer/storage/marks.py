# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold a mark while an output is made: one process at a time, and a mark that no process holds means a crash."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .leftovers import fresh, host, is_alive, release

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

__all__ = ["Busy", "hold"]

_TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN)
_LONG = 24 * 3600.0  # seconds after which a mark of another machine that knows no locks counts as abandoned


class Busy(Exception):
    """Another process holds the mark."""


def _lock(handle: int) -> bool | None:
    """Return whether the lock of an open file is ours now; None where the file system knows no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _TAKEN else None
    return True


def _is_held(mark: Path) -> bool:
    """Return whether what a mark says, in place of a lock, speaks for a process that is at work."""
    machine, _, process = mark.read_text(encoding="utf-8").partition(" ")
    if not process.strip().isdigit():
        return False
    if machine == host():
        return int(process) != os.getpid() and os.name == "posix" and is_alive(int(process))
    return time.time() - mark.stat().st_mtime < _LONG


def _made(mark: Path) -> int | None:
    """Make and lock the mark in one step, and return its handle; None where one stands already."""
    draft = fresh("tmp", mark)
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.write(handle, f"{host()} {os.getpid()}".encode())
        _lock(handle)
        try:
            os.link(draft, mark)  # fails where there is one
        except FileExistsError:
            os.close(handle)
            return None
        except OSError:  # no links here
            os.close(handle)
            try:
                handle = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                return None
            _lock(handle)
            os.write(handle, f"{host()} {os.getpid()}".encode())
        return handle
    finally:
        draft.unlink(missing_ok=True)
        release(draft)


def _taken_over(mark: Path) -> int | None:
    """Take over a mark that a dead process left, and return its handle; None where it has just been taken away.

    Raises:
        Busy: a process holds it.
    """
    try:
        handle = os.open(mark, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        is_ours = _lock(handle)
        if is_ours is False or (is_ours is None and _is_held(mark)):
            raise Busy
        if os.fstat(handle).st_ino != os.stat(mark).st_ino:  # one was taken away and another made meanwhile
            os.close(handle)
            return None
        os.ftruncate(handle, 0)
        os.write(handle, f"{host()} {os.getpid()}".encode())
        return handle
    except FileNotFoundError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise


@contextmanager
def hold(mark: Path) -> Iterator[bool]:
    """Hold a mark for the length of a block; the block itself takes the mark away when its work is whole.

    The lock of the mark goes with the process, however that ends; the mark stays.

    Args:
        mark: hidden file; its folder is made.

    Yields:
        whether a dead process had left it: what it made may be half of the work.

    Raises:
        Busy: a process holds it.

    Example:
        >>> import tempfile
        >>> mark = Path(tempfile.mkdtemp()) / ".scan.started"
        >>> with hold(mark) as was_begun:
        ...     was_begun
        False
        >>> with hold(mark) as was_begun:  # it was still there
        ...     was_begun
        True
    """
    mark.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(100):  # others make and take away the mark meanwhile
        handle = _made(mark)
        was_begun = handle is None
        if handle is None:
            handle = _taken_over(mark)
        if handle is not None:
            break
    else:
        raise Busy
    try:
        yield was_begun
    finally:
        os.close(handle)
