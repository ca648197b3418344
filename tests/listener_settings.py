# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The shortest configuration of the listener, and settings read from a text."""

from __future__ import annotations

from pathlib import Path

from monai_strainer.listening.config_file import read_settings
from monai_strainer.listening.settings import Settings

LEAST = """[destination]
ae_title = "PACS"
host = "127.0.0.1"
port = 4242
[folders]
queue = "queue"
quarantine = "quarantine"
done = "done"
"""


def read(home: Path, text: str) -> Settings:
    (home / "listen.toml").write_text(text)
    return read_settings(home / "listen.toml")
