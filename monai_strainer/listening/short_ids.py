# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make short names for identifiers: they can be compared, and only the key in the queue leads back to them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from ..storage.atomic import atomic, make_folder

__all__ = ["ShortIds"]

SALT, DIGITS = "salt", 12
UID = re.compile(r"\b\d+(?:\.\d+){4,}\b")


class ShortIds:
    """Names of twelve hexadecimal digits for UIDs, by a secret that lies in the queue.

    A UID of DICOM leads to the patient in every archive that knows it, and anybody who has a list of UIDs can compute
    a plain hash of them. So the hash has a key: names in logs and folders are of use on this machine alone.

    Args:
        queue: folder of the queue; the secret is made there once.

    Example:
        >>> import tempfile
        >>> queue = Path(tempfile.mkdtemp())
        >>> ShortIds(queue)("1.2.840.1") == ShortIds(queue)("1.2.840.1")
        True
        >>> ShortIds(queue)("1.2.840.1") == ShortIds(Path(tempfile.mkdtemp()))("1.2.840.1")
        False
    """

    def __init__(self, queue: Path) -> None:
        file = queue / SALT
        if not file.exists():
            make_folder(queue)
            with atomic(file) as temporary:
                temporary.write_text(secrets.token_hex(32), encoding="ascii")
        self._key = file.read_bytes()

    def __call__(self, uid: str) -> str:
        """Return the short name of a UID."""
        return hmac.new(self._key, uid.encode(), hashlib.sha256).hexdigest()[:DIGITS]

    def clean(self, text: str) -> str:
        """Replace every UID in a text by its short name."""
        return UID.sub(lambda found: f"id {self(found[0])}", text)
