# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Who may know whom: walks the imports of every module, and keeps the package light, quiet and safe to load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "monai_strainer"
FILES = sorted((ROOT / PACKAGE).rglob("*.py"))
OTHERS = [
    file for part in ("benchmarks", "examples", "experiments", "tests") for file in sorted((ROOT / part).rglob("*.py"))
]

LICENCE = "# Copyright 2026 the monai_strainer authors. Apache-2.0."
LONGEST = 300  # lines of a module
HEAVY = {"monai", "nibabel", "pydicom", "matplotlib", "nilearn"}  # never loaded by `import monai_strainer`

NUMERICS = {
    "networks",
    "physics",
    "fitting",
    "pretraining",
    "projection",
    "pretraining_detail",
    "patches",
    "tiles",
    "metrics",
    "geometry",
}
RIM = {"io", "cli", "cohort", "report", "transforms", "inferers", "prior", "workflow", "bundles"}
# who alone may import what, by the first name inside the package
RESERVED = {
    "monai": ("inferers", "transforms", "bundle*", "workflow"),
    "nibabel": ("io",),
    "pydicom": ("io",),
    "argparse": ("cli",),
}
# who may not import what inside the package
FORBIDDEN = {**dict.fromkeys(NUMERICS, RIM), "io": {"networks", "fitting", "physics", "prior"}}
PRINTERS = {"cli", "commands", "commands_general", "commands_scans", "demo", "evaluate"}


def name_of(file: Path) -> str:
    """``physics/noise.py`` as ``monai_strainer.physics.noise``."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The first name inside the package: ``physics`` for ``monai_strainer.physics.noise``; empty for the package."""
    return [*module.split("."), ""][1]


def imports_of(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Absolute names of all that a module imports, anywhere in it; names taken from a package count as its modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            home = parts[: len(parts) - node.level + is_package] if node.level else []
            source = ".".join([*home, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def wrong_arrows(source: str, module: str, is_package: bool = False) -> list[str]:
    """Imports of a module that the rules forbid."""
    room, wrong = room_of(module), []
    for target in imports_of(ast.parse(source), module, is_package):
        top = target.split(".")[0]
        if top == PACKAGE and room_of(target) in FORBIDDEN.get(room, ()):
            wrong.append(target)
        if top in RESERVED and not any(fnmatch(room, owner) for owner in RESERVED[top]):
            wrong.append(target)
    return wrong


def unsafe_loads(source: str) -> list[int]:
    """Lines that read a weights file in a way that may run code from it."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "torch" and any(a.name == "load" for a in node.names):
            lines.append(node.lineno)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            given = {k.arg: k.value for k in node.keywords}.get("weights_only")
            if not (isinstance(given, ast.Constant) and given.value is True):
                lines.append(node.lineno)
    return lines


def prints(source: str) -> list[int]:
    """Lines that print."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]


def in_tree(files: list[Path]) -> pytest.MarkDecorator:
    """One test per file, named after it."""
    return pytest.mark.parametrize("file", files, ids=[file.relative_to(ROOT).as_posix() for file in files])


@in_tree(FILES)
def test_arrows_point_the_right_way(file: Path) -> None:
    assert wrong_arrows(file.read_text(), name_of(file), file.name == "__init__.py") == []


@in_tree(FILES)
def test_module_says_its_licence_and_what_it_is(file: Path) -> None:
    text = file.read_text()
    assert text.startswith(LICENCE + "\n")
    assert ast.get_docstring(ast.parse(text)), "no docstring"


@in_tree(FILES)
def test_module_is_one_chapter(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST


@in_tree(FILES)
def test_only_the_rim_prints(file: Path) -> None:
    if room_of(name_of(file)) not in PRINTERS:
        assert prints(file.read_text()) == []


@in_tree([*FILES, *OTHERS])
def test_weights_are_read_as_tensors_only(file: Path) -> None:
    assert unsafe_loads(file.read_text()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("monai_strainer.physics.noise", "from ..io import read"),
        ("monai_strainer.physics.noise", "from .. import io"),
        ("monai_strainer.metrics", "from .prior import Prior"),
        ("monai_strainer.pretraining", "def f():\n    import monai_strainer.cohort"),
        ("monai_strainer.fitting.head", "from monai.networks import nets"),
        ("monai_strainer.io.nifti", "from ..networks.siren import Siren"),
        ("monai_strainer.io.dicom", "import monai_strainer.physics as physics"),
        ("monai_strainer.cohort", "import nibabel as nib"),
        ("monai_strainer.report", "from argparse import ArgumentParser"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, line: str) -> None:
    assert wrong_arrows(line, module)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("monai_strainer.prior", "from .networks import Siren"),
        ("monai_strainer.io.nifti", "import nibabel as nib\nfrom ..volume import Volume"),
        ("monai_strainer.inferers", "from monai.inferers import Inferer"),
        ("monai_strainer.bundles", "from monai.bundle import ConfigParser"),
        ("monai_strainer.cli", "import argparse\nfrom .io import read"),
        ("monai_strainer.fitting.head", "from ..physics import Operator"),
    ],
)
def test_a_right_arrow_passes(module: str, line: str) -> None:
    assert wrong_arrows(line, module) == []


def test_a_package_resolves_its_own_relative_imports() -> None:
    assert wrong_arrows("from ..prior import Prior", "monai_strainer.io", is_package=True)


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "torch.load(f, weights_only=safe)",
        "from torch import load",
    ],
)
def test_an_unsafe_load_is_seen(line: str) -> None:
    assert unsafe_loads(line) == [1]


def test_import_is_silent_and_light() -> None:
    code = (
        "import sys, monai_strainer\n"
        f"heavy = {sorted(HEAVY)!r}\n"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], "loaded by import monai_strainer"
