# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The configuration file of the listener: the example is whole, and what is wrong is refused by name."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from listener_settings import LEAST, read

from monai_strainer.errors import InputError
from monai_strainer.listening.config_file import TABLES, read_settings
from monai_strainer.listening.settings import Restoration
from monai_strainer.restoring.options import declared
from monai_strainer.storage.toml_file import read_toml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "listen.toml"


def test_the_example_says_every_key_with_its_default(tmp_path: Path) -> None:
    whole = tmp_path / "whole.toml"  # with what is commented out
    whole.write_text(re.sub(r"(?m)^#(?=[\[\w])", "", EXAMPLE.read_text()))
    said = read_toml(whole, "")
    assert set(said) == {*TABLES, "allow", "restore"}
    for name, kind in TABLES.items():
        assert set(said[name]) == {one.name for one in fields(kind)}, name  # type: ignore[arg-type]
    own = {one.name for one in fields(Restoration)} - {"options"}
    assert set(said["restore"]) == own | set(declared()) | {"seed"}
    as_read = read_settings(EXAMPLE)
    for name in ("listen", "series", "limits", "sending"):
        assert getattr(as_read, name) == TABLES[name](), f"[{name}] differs from the defaults"
    assert as_read.restore.scale == (2.0,)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("x = [", "is not TOML"),
        ("[network]\n", "unknown table network"),
        ("[listen]\nprot = 104\n", "unknown key prot"),
        ("[listen]\nport = '104'\n", "not of the type int"),
        ("[listen]\nport = true\n", "not of the type int"),
        ("[listen]\nport = 0\n", "port is 0"),
        ("[listen]\nae_title = 'a title that is too long'\n", "ae_title"),
        ("[series]\ncomplete = 'soon'\n", "complete is 'soon'"),
        ("[series]\nquiet_seconds = -1\n", "quiet_seconds is -1"),
        ("[series]\nquiet_seconds = nan\n", "quiet_seconds is nan"),
        ("[allow]\nae_title = 'A'\n", "allow is no list of tables"),
        ("[[allow]]\nae_title = 'A'\n", "has no address"),
        ("[[allow]]\nae_title = 'A'\naddress = 'pacs'\n", "is no address"),
        ("[tls]\ncertificate = 'a'\nkey = 'b'\nauthority = 'c'\n", "certificate is not there"),
        ("[restore]\nmethods = 'auto'\n", "unknown key methods"),
        ("[restore]\nmethod = 'magic'\n", "no method 'magic'"),
        ("[restore]\nsteps = 1.5\n", "not of the type int"),
        ("[restore]\nscale = ['2']\n", "not of the type float"),
        ("[sending]\nfirst_wait = 10\nlongest_wait = 1\n", "longest_wait is 1"),
    ],
)
def test_what_is_wrong_is_refused_by_name(tmp_path: Path, text: str, finding: str) -> None:
    with pytest.raises(InputError, match=re.escape(finding)) as caught:
        read(tmp_path, LEAST + text)
    assert caught.value.remedy


@pytest.mark.parametrize("table", ["destination", "folders"])
def test_what_has_no_default_has_to_be_there(tmp_path: Path, table: str) -> None:
    with pytest.raises(InputError, match=f"no table .{table}"):
        read(tmp_path, "".join(f"[{part}" for part in LEAST.split("[")[1:] if not part.startswith(table)))


def test_options_of_a_restoration_are_those_of_restore(tmp_path: Path) -> None:
    found = read(
        tmp_path, LEAST + "[restore]\nscale = [1, 1, 2]\nprofile = 'box'\nseed = 3\nprior = 'bundle'\n"
    ).restore
    assert found.scale == (1.0, 1.0, 2.0) and found.options.profile == "box" and found.options.seed == 3
    assert found.prior == tmp_path / "bundle"


def test_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, LEAST).folders.queue == tmp_path / "queue"
