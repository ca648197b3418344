# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read TOML files; Python 3.10 has no reader of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_toml"]


def read_toml(path: Path, remedy: str) -> dict[str, Any]:
    """Read a TOML file, with or without a byte order mark.

    Args:
        path: of the file, text in UTF-8.
        remedy: what to do where the content is not TOML.

    Raises:
        InputError: the file cannot be read, or it is not TOML.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "site.toml"
        >>> _ = path.write_text("scale = 2")
        >>> read_toml(path, "write lines such as scale = 2")
        {'scale': 2}
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"the file cannot be read ({reason})", "check the path and the rights", path) from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise InputError(f"the file is not TOML ({error})", remedy, path) from error
