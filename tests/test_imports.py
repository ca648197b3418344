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
MODULES = {file.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py") for file in FILES} - {"__init__"}
OTHERS = [
    file for part in ("benchmarks", "examples", "experiments", "tests") for file in sorted((ROOT / part).rglob("*.py"))
]

LICENCE = "# Copyright 2026 the monai_strainer authors. Apache-2.0."
LONGEST = 300  # lines of a module
HEAVY = {"monai", "nibabel", "pydicom", "matplotlib", "nilearn"}  # never loaded by `import monai_strainer`

# Who belongs together, from the ground up. A module may use its own room and those named beside it, all of them below.
ROOMS = {
    "ground": "_version bids_names contrasts errors geometry metrics noise_images split tiles volume",
    "numerics": "baselines fitting glance kept likeness networks patches physics pose projection trust",
    "io": "io",
    "stores": "checkpoints phases selection sidecars sources table weights",
    "training": "lessons pretraining pretraining_* varied_patches",
    "priors": "bundles general prior",
    "cohorts": "cohort",
    "restoring": "placing restoration restoring walks",
    "pages": "picture report",
    "judging": "cases demo evaluate",
    "runs": "batch bids files jobs",
    "plugin": "bundle_* inferers transforms",
    "commands": "cli commands commands_*",
}
USES = {
    "ground": "",
    "numerics": "ground",
    "io": "ground",
    "stores": "ground numerics io",
    "training": "ground numerics stores",
    "priors": "ground numerics io stores",
    "cohorts": "ground numerics io stores training priors",
    "restoring": "ground numerics priors",
    "pages": "ground numerics io",
    "judging": "ground numerics io stores priors restoring pages",
    "runs": "ground numerics io stores priors restoring pages",
    "plugin": "ground numerics io stores training priors cohorts restoring",
    "commands": "ground numerics io stores training priors cohorts restoring pages judging runs plugin",
}
# who alone may import what
RESERVED = {"monai": ("plugin",), "nibabel": ("io",), "pydicom": ("io",), "argparse": ("commands",)}
PRINTERS = {"cli", "commands", "commands_general", "commands_scans", "demo", "evaluate"}


def name_of(file: Path) -> str:
    """``physics/noise.py`` as ``monai_strainer.physics.noise``."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def first_of(module: str) -> str:
    """The first name inside the package: ``physics`` for ``monai_strainer.physics.noise``; empty for the package."""
    return [*module.split("."), ""][1]


def room_of(module: str) -> str:
    """The one room of a module."""
    found = [room for room, names in ROOMS.items() if any(fnmatch(first_of(module), n) for n in names.split())]
    assert len(found) == 1, f"{module} is in {found or 'no room'}: give it one in ROOMS"
    return found[0]


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
    """Imports of a module that the rules forbid; names that the package itself offers are nobody's."""
    room, wrong = room_of(module), []
    for target in imports_of(ast.parse(source), module, is_package):
        top = target.split(".")[0]
        if top == PACKAGE and first_of(target) in MODULES and room_of(target) not in (room, *USES[room].split()):
            wrong.append(target)
        if room not in RESERVED.get(top, (room,)):
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


def test_every_module_is_in_one_room_and_every_room_has_its_modules() -> None:
    homes = {name: room_of(f"{PACKAGE}.{name}") for name in MODULES}
    assert set(homes.values()) == set(ROOMS) == set(USES)
    assert [n for names in ROOMS.values() for n in names.split() if not any(fnmatch(m, n) for m in MODULES)] == []


def test_a_module_without_a_room_is_seen() -> None:
    with pytest.raises(AssertionError, match=r"nowhere is in no room"):
        wrong_arrows("", "monai_strainer.nowhere")


def test_rooms_use_only_those_below_them() -> None:
    order = list(ROOMS)
    assert all(order.index(used) < order.index(room) for room, uses in USES.items() for used in uses.split())


@in_tree([file for file in FILES if file != ROOT / PACKAGE / "__init__.py"])
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
    if first_of(name_of(file)) not in PRINTERS:
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
        ("monai_strainer.restoring.data_fit", "from .io import read"),
        ("monai_strainer.restoring.assess", "from ..io import read"),
        ("monai_strainer.io.provenance", "from ..restoration import restore"),
        ("monai_strainer.restoring.restore", "from .inferers import StrainerInferer"),
        ("monai_strainer.pretraining.encoder", "def f():\n    import monai_strainer.cohorts.read"),
        ("monai_strainer.fitting.readout", "from monai.networks import nets"),
        ("monai_strainer.io.nifti.files", "from ..networks.siren import Siren"),
        ("monai_strainer.io.dicom.read", "import monai_strainer.physics as physics"),
        ("monai_strainer.cohorts.read", "import nibabel as nib"),
        ("monai_strainer.reporting.html", "from argparse import ArgumentParser"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, line: str) -> None:
    assert wrong_arrows(line, module)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("monai_strainer.priors.store", "from .networks import Siren"),
        ("monai_strainer.io.nifti.files", "import nibabel as nib\nfrom ..volume import Volume"),
        ("monai_strainer.inferers", "from monai.inferers import Inferer"),
        ("monai_strainer.bundle.parts", "from monai.bundle import ConfigParser"),
        ("monai_strainer.cli.command_line", "import argparse\nfrom .io import read"),
        ("monai_strainer.fitting.readout", "from ..physics import Operator"),
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
