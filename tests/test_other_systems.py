# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What Linux alone has is not needed: a restoration runs where it is taken away. That is no run on Windows or macOS."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from phantoms import small_head, small_prior

from monai_strainer import save_prior, write

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "monai_strainer").rglob("*.py"))
ABSENT = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog")  # modules that Windows lacks
NAMES = (  # names of os and signal that Windows lacks
    *("fork", "getuid", "geteuid", "getpgid", "setsid", "killpg", "uname", "sysconf", "statvfs", "mkfifo", "chown"),
    *("sched_getaffinity", "posix_fadvise", "sync", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "SIGKILL", "SIGHUP"),
)
WITHOUT = f"""
import os, signal, sys
import numpy, scipy, torch, nibabel, monai  # other people's packages have ways of their own
from torch import distributed
sys.modules.update(dict.fromkeys({ABSENT}))
for name in {NAMES}:
    for module in (os, signal):
        if hasattr(module, name):
            delattr(module, name)
for name in [name for name in sys.modules if name.startswith("monai_strainer")]:
    del sys.modules[name]
from monai_strainer.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_scan_is_restored_without_what_windows_lacks(tmp_path: Path) -> None:
    write(small_head(), tmp_path / "in" / "scan.nii.gz")
    save_prior(small_prior(), tmp_path / "bundle")
    words = ["restore", "in", "out", "--scale", "1", "--steps", "1", "--prior", "bundle", "--device", "cpu", "--std"]
    command = [sys.executable, "-c", WITHOUT, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for wanted in ("done", "skipped"):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-1500:]
        assert wanted in (tmp_path / "out" / "summary.tsv").read_text()
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 2


def nodes_of(kind: type[ast.AST]) -> list[tuple[str, ast.AST]]:
    """All nodes of a kind in the package, with their places."""
    trees = [(file, ast.parse(file.read_text(encoding="utf-8"))) for file in FILES]
    return [(f"{f.name}:{n.lineno}", n) for f, tree in trees for n in ast.walk(tree) if isinstance(n, kind)]


def test_no_module_uses_a_name_of_one_system() -> None:
    for place, node in nodes_of(ast.Attribute):
        owner = getattr(getattr(node, "value", None), "id", "")
        assert not (owner in ("os", "signal") and getattr(node, "attr", "") in NAMES), place


def test_text_is_read_and_written_in_utf_8_on_every_system() -> None:
    for place, node in nodes_of(ast.Call):
        called = getattr(getattr(node, "func", None), "attr", "")
        if called in ("read_text", "write_text"):
            assert "encoding" in {word.arg for word in getattr(node, "keywords", ())}, place


def test_no_path_of_one_system_is_written_down() -> None:
    for place, node in nodes_of(ast.Constant):
        value = getattr(node, "value", "")
        assert not (isinstance(value, str) and value.startswith(("/tmp", "/dev/", "/proc/", "/etc/"))), place
