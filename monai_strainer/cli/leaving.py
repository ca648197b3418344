# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run a command as a process of its own, and end the process in less time than Python takes by itself."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from ..errors import disk_error
from .command_line import main
from .loading import load, start

__all__ = ["leave", "run"]


def run(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and end the process.

    Args:
        argv: the words after the program's name; those of the process by default.
    """
    start()
    leave(main(argv, load=load))


def leave(code: int) -> NoReturn:
    """End the process: what was registered for its end is called, and what was printed is written.

    Objects are not taken apart one by one, which takes PyTorch a quarter of a second. Where another thread still runs,
    Python ends as always.
    """
    if threading.active_count() == 1:
        atexit._run_exitfuncs()
        os._exit(_written(code))
    sys.exit(_written(code))


def _written(code: int) -> int:
    """Write what was printed; return the exit code, which is 3 where it cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # so that Python does not try again
            if not isinstance(error, BrokenPipeError):  # else who reads has heard enough
                code = code or 3
                print(f"monai-strainer: {disk_error(error, 'output')}", file=sys.stderr)
        except (ValueError, AttributeError):  # it is closed, or there is none
            pass
    return code
