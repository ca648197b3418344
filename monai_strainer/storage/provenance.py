# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write the record beside every output: from what it was made, by what, how, and its warnings."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._version import __version__

__all__ = ["now", "record", "sha256"]

_CHUNK = 1 << 20  # bytes


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: the file cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> path.touch()
        >>> sha256(path)[:8]
        'e3b0c442'
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def now() -> datetime:
    """Return the time in UTC; that of SOURCE_DATE_EPOCH where it is set, so that outputs can be repeated to the byte.

    Source: reproducible-builds.org, SOURCE_DATE_EPOCH specification.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdigit() else datetime.now(timezone.utc)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def record(
    report: Mapping[str, Any],
    *,
    source: Any = None,
    outputs: Mapping[str, str] | None = None,
    configuration: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a later reader needs to check an output, or to make it again.

    The time is written here and nowhere else: the images depend on input, prior, options and seed alone. Files go by
    their base names, because folders are often named after patients.

    Args:
        report: of the restoration; its entries (``prior_sha256``, ``seed``, ``warnings``, ...) stand in the record.
        source: of the input volume; its ``name`` and ``sha256`` are written.
        outputs: base name -> sha256 of every file that this record describes.
        configuration: the options as resolved, where the report does not hold them.

    Returns:
        a dictionary for ``write_json``; the keys ``created versions input outputs prior_sha256 configuration seed
        warnings`` are always there.

    Example:
        >>> content = record({"seed": 0, "warnings": ["thick slices"]}, outputs={"x.nii.gz": "ab12"})
        >>> content["seed"], content["warnings"], content["outputs"], content["input"]
        (0, ['thick slices'], {'x.nii.gz': 'ab12'}, None)
    """
    name, digest = getattr(source, "name", None), getattr(source, "sha256", None)
    said = [str(warning) for warning in report.get("warnings", ())]
    found = [one for one in getattr(source, "findings", ()) if not any(text.endswith(one) for text in said)]
    return {
        "created": now().isoformat(timespec="seconds"),
        "versions": {
            "monai_strainer": __version__,
            "python": platform.python_version(),
            **{package: _version(package) for package in ("torch", "numpy", "nibabel")},
        },
        "input": None if name is None else {"name": name, "sha256": digest},
        "outputs": dict(outputs or {}),
        "prior_sha256": None,
        "configuration": dict(configuration or {}),
        "seed": None,
        **report,
        "warnings": [*found, *said],
    }
