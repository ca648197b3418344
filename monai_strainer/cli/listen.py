# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Add ``listen``: receive series from scanners and archives, restore them, and send the results on."""

from __future__ import annotations

import argparse
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from .options import new_command

__all__ = ["add_listen", "listen"]


def add_listen(commands: Any) -> None:
    """Add ``listen``."""
    text = "receive DICOM series over the network, restore them, and send the results to an archive"
    command = new_command(commands, "listen", listen, text)
    command.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="TOML; see docs/how_to/listen.md for its keys"
    )


def listen(args: argparse.Namespace) -> int:
    """Run the listener until it is stopped; its log is the standard error."""
    from ..listening.config_file import read_settings
    from ..listening.service import listen as run

    lock = threading.Lock()

    def say(line: str) -> None:
        with lock:
            print(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {line}", file=sys.stderr, flush=True)

    run(read_settings(args.config), say)
    return 0
