# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Print results to the standard output, messages to the standard error, and all of it to a log file.

Everything is a record of the logger ``monai_strainer``, which is silent for those who use the package in Python.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError

__all__ = [
    "RESULT",
    "duration",
    "gain_text",
    "is_terminal",
    "log",
    "messages_of",
    "motion_text",
    "result",
    "warn",
    "warnings_as_notes",
]

PACKAGE = Path(__file__).resolve().parents[1]
log = logging.getLogger("monai_strainer")
RESULT = logging.INFO + 5  # what a command was asked for: it goes to the standard output
STAMPED = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")
FILED = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")

logging.addLevelName(RESULT, "RESULT")


def result(line: str) -> None:
    """Print a line that the command was asked for."""
    log.log(RESULT, line)


def warn(report: Mapping[str, Any]) -> None:
    """Say the warnings of a report."""
    for warning in report["warnings"]:
        log.warning("note: %s", warning)


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Within the block, Python warnings that the package gives are notes, without the line of code they come from."""
    before = warnings.showwarning

    def show(message: Warning | str, kind: type[Warning], filename: str, *rest: Any) -> None:
        if PACKAGE in Path(filename).parents:
            log.warning("note: %s", message)
        else:
            before(message, kind, filename, *rest)

    warnings.showwarning = show  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = before


def motion_text(one: Mapping[str, Any]) -> str:
    """Return the motion of a scan in words.

    Example:
        >>> motion_text({"shift": (1, -2, 0.5), "rotation": (0, 0, 3)})
        'shift +1.00 -2.00 +0.50 mm, rotation +0.00 +0.00 +3.00 degrees'
    """
    shift, rotation = (" ".join(f"{value:+.2f}" for value in one[name]) for name in ("shift", "rotation"))
    return f"shift {shift} mm, rotation {rotation} degrees"


def gain_text(gain: float) -> str:
    """Return a factor in words; units may differ by thousands.

    Example:
        >>> gain_text(1.004), gain_text(0.00102), gain_text(1020.4)
        ('1.00', '0.00102', '1020')
    """
    return f"{gain:.2f}" if 0.1 <= gain < 100 else f"{gain:.3g}" if gain < 1000 else f"{gain:.0f}"


def is_terminal() -> bool:
    """Return whether somebody looks at the standard error as it grows."""
    return sys.stderr is not None and sys.stderr.isatty()


def duration(seconds: float) -> str:
    """Return a length of time in words, rounded as an estimate deserves.

    Example:
        >>> duration(8.2), duration(100), duration(2400), duration(5700)
        ('8 s', '2 min', '40 min', '1 h 35 min')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


_lock = threading.Lock()
_before: list[Any] = []  # level of the logger, and whether it passes records on
_shown: dict[int, int] = {}  # how many blocks show messages, by the thread that is in them


def _belongs(thread: int) -> Callable[[logging.LogRecord], bool]:
    """Return what asks whether a record is of a thread, or of one that shows none, such as a worker."""
    return lambda record: record.thread == thread or record.thread not in _shown


class _Console(logging.Handler):
    """Print records on one stream, above any progress bar; errors begin with the name of the program."""

    def __init__(self, stream: Any, form: logging.Formatter | None) -> None:
        super().__init__()
        self.stream = stream
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        if self.stream is None:  # closed by the caller; tqdm would take the standard output
            return
        text = record.getMessage() if record.levelno >= logging.ERROR else self.format(record)
        tqdm.write(f"monai-strainer: {text}" if record.levelno >= logging.ERROR else text, file=self.stream)


@contextmanager
def messages_of(quiet: bool, verbose: bool, file: Path | None, results: bool = True) -> Iterator[None]:
    """Within the block, the messages of the package are shown and kept.

    Where two threads are in such a block, each shows its own; those of other threads are shown in both.

    Args:
        quiet: show warnings and errors alone.
        verbose: show details too.
        file: log file to append to, with all levels; its folder is made.
        results: print results on the standard output; else they are messages.

    Raises:
        InputError: the log file cannot be written.
    """
    out, err = _Console(sys.stdout, None), _Console(sys.stderr, None if is_terminal() else STAMPED)
    err.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    out.addFilter(lambda record: record.levelno == RESULT and results)
    err.addFilter(lambda record: not (record.levelno == RESULT and results))
    handlers: list[logging.Handler] = [out, err]
    if file is not None:
        handlers.append(_file(file))
    here = threading.get_ident()
    for handler in handlers:
        handler.addFilter(_belongs(here))
    with _lock:
        if not _shown:  # the first sets the logger up, the last sets it back
            _before.extend((log.level, log.propagate))
            log.setLevel(logging.DEBUG)
            log.propagate = False
        _shown[here] = _shown.get(here, 0) + 1
        for handler in handlers:
            log.addHandler(handler)
    try:
        yield
    finally:
        with _lock:
            for handler in handlers:
                log.removeHandler(handler)
                handler.close()
            _shown[here] -= 1
            if not _shown[here]:
                del _shown[here]
            if not _shown:
                level, log.propagate = _before
                log.setLevel(level)
                _before.clear()


def _file(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"the log cannot be written ({reason})", "name another file with --log", path) from error
    handler.setFormatter(FILED)
    return handler
