# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""TOML files: a byte order mark does no harm, and what is no TOML is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.errors import InputError
from monai_strainer.storage.toml_file import read_toml


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_makes_no_difference(mark: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(mark + b"scale = 2\n[listen]\nport = 104\n")
    assert read_toml(tmp_path / "a.toml", "") == {"scale": 2, "listen": {"port": 104}}


@pytest.mark.parametrize("text", [b"scale = ", b"\xff\xfe\x00", b"a = 1\na = 2"])
def test_what_is_no_toml_is_refused_with_the_remedy(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(text)
    with pytest.raises(InputError, match=r"a\.toml: the file is not TOML .* Write lines"):
        read_toml(tmp_path / "a.toml", "write lines such as scale = 2")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_toml(tmp_path / "none.toml", "")
