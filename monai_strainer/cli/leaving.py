# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run a command as a process of its own, and end the process in less time than Python takes by itself."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from .command_line import main

__all__ = ["leave", "run"]


def run(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and end the process.

    Args:
        argv: the words after the program's name; those of the process by default.
    """
    leave(main(argv))


def leave(code: int) -> NoReturn:
    """End the process: what was registered for its end is called, and what was printed is written.

    Objects are not taken apart one by one, which takes PyTorch a quarter of a second. Where another thread still runs,
    or something cannot be written, Python ends as always.
    """
    if threading.active_count() == 1:
        atexit._run_exitfuncs()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # a closed pipe, or none
            sys.exit(code)
        os._exit(code)
    sys.exit(code)
