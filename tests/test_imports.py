# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Check which room imports which, directly and through others; keep the package light, quiet and safe to load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
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
HEAVY = {"monai", "nibabel", "pydicom", "matplotlib", "nilearn", "deepinv"}  # never loaded by `import monai_strainer`

# Which rooms a room may use, from the ground up: a folder of the package is a room, and the files beside them are two.
USES = {
    "ground": "",
    "physics": "ground",
    "anatomy": "ground physics",
    "networks": "ground",
    "optim": "networks",
    "fitting": "ground physics networks optim",
    "storage": "ground",
    "io": "ground storage",
    "priors": "ground anatomy networks fitting storage",
    "restoring": "ground physics anatomy networks fitting priors",
    "fusing": "ground physics anatomy networks fitting priors restoring",
    "pretraining": "ground physics anatomy networks optim fitting storage",
    "cohorts": "ground physics anatomy networks storage io priors pretraining",
    "reporting": "ground physics storage priors restoring fusing",
    "evaluation": "ground physics anatomy networks fitting storage io priors restoring reporting",
    "pipelines": "ground physics anatomy networks fitting storage io priors restoring fusing pretraining cohorts "
    "reporting evaluation",
    "transforms": "ground physics anatomy io storage",
    "inferers": "ground physics networks priors restoring",
    "adapters": "ground physics networks fitting priors restoring",
    "bundle": "ground physics anatomy networks storage io priors pretraining cohorts pipelines inferers",
    "listening": "ground storage io restoring priors pipelines",
    "cli": "ground networks restoring fusing storage io priors pretraining cohorts reporting evaluation pipelines "
    "bundle listening",
}
GROUND = {"__init__", "_moved", "_version", "errors", "geometry", "metrics", "volume"}
# numerics never see files, whoever imports whom: all that these modules reach, they reach without these rooms
BLIND = (
    "physics",
    "anatomy",
    "networks",
    "optim",
    "fitting",
    "restoring",
    "fusing",
    "priors.prior",
    "priors.similarity",
)
FILES_ROOMS = {"storage", "io"}
# who alone may import what
RESERVED = {
    "monai": ("transforms", "inferers", "bundle"),
    "nibabel": ("io",),
    "pydicom": ("io",),
    "highdicom": ("io",),
    "pynetdicom": ("listening",),
    "argparse": ("cli",),
    "deepinv": ("adapters",),
}
PRINTERS = {"cli", "pipelines.demo", "evaluation.benchmark"}
MOST_IN_THE_ROOT = 8


def name_of(file: Path) -> str:
    """``physics/noise.py`` as ``monai_strainer.physics.noise``."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def first_of(module: str) -> str:
    """The first name inside the package: ``physics`` for ``monai_strainer.physics.noise``; empty for the package."""
    return [*module.split("."), ""][1]


def room_of(module: str) -> str:
    """The room of a module."""
    first = first_of(module) or "__init__"
    room = "ground" if first in GROUND else first
    assert room in USES, f"{module} is in no room: give it one in USES"
    return room


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


def direct_imports() -> dict[str, set[str]]:
    """Per module of the package, the modules of the package that it imports, and the packages they lie in."""
    names = {name_of(file): file for file in FILES}
    found: dict[str, set[str]] = {}
    for module, file in names.items():
        targets = imports_of(ast.parse(file.read_text()), module, file.name == "__init__.py")
        known = {target for target in targets if target in names and target != PACKAGE}
        parents = {".".join(target.split(".")[:k]) for target in known for k in range(2, target.count(".") + 1)}
        found[module] = known | parents
    return found


def reached(module: str, direct: dict[str, set[str]]) -> set[str]:
    """All modules that a module imports, and those that they import, and so on."""
    seen: set[str] = set()
    front = {module}
    while front:
        seen |= front
        front = set().union(*(direct.get(name, set()) for name in front)) - seen
    return seen - {module}


def seeing_files(direct: dict[str, set[str]]) -> list[str]:
    """The paths by which numerics reach a room of files."""
    blind = [m for m in direct if any(m == f"{PACKAGE}.{b}" or m.startswith(f"{PACKAGE}.{b}.") for b in BLIND)]
    return [f"{m} -> {t}" for m in blind for t in sorted(reached(m, direct)) if room_of(t) in FILES_ROOMS]


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


def test_every_module_is_in_a_room_and_every_room_is_there() -> None:
    assert {room_of(f"{PACKAGE}.{name}") for name in MODULES} == set(USES)


def test_the_root_holds_few_files() -> None:
    assert len(list((ROOT / PACKAGE).glob("*.py"))) <= MOST_IN_THE_ROOT


def test_a_module_without_a_room_is_seen() -> None:
    with pytest.raises(AssertionError, match=r"nowhere is in no room"):
        wrong_arrows("", "monai_strainer.nowhere")


def test_rooms_use_only_those_below_them() -> None:
    order = list(USES)
    assert all(order.index(used) < order.index(room) for room, uses in USES.items() for used in uses.split())


def test_numerics_never_reach_files() -> None:
    assert seeing_files(direct_imports()) == []


def test_the_page_of_the_architecture_has_the_same_rooms() -> None:
    page = (ROOT / "docs" / "concepts" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## The rooms")[2].partition("## ")[0]
    above: list[str] = []
    for room, text in re.findall(r"^\| `?(\w+)`? \| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)[1:]:
        named = set(re.findall(r"\w+", text.partition("except")[2] or text)) - {
            "and",
            "nothing",
            "all",
            "rooms",
            "above",
        }
        uses = set(above) - named if text.startswith("all rooms above") else named
        assert uses == set(USES[room].split()), room
        above.append(room)
    assert set(above) == set(USES)


@pytest.mark.parametrize(
    "module", ["geometry", "physics.noise", "networks.siren", "fitting.readout", "priors.similarity"]
)
def test_a_way_from_numerics_to_files_is_seen_however_long(module: str) -> None:
    direct = direct_imports()
    direct[f"{PACKAGE}.{module}"] = {*direct[f"{PACKAGE}.{module}"], f"{PACKAGE}.storage.atomic"}
    assert f"{PACKAGE}.restoring.restore -> {PACKAGE}.storage.atomic" in seeing_files(direct)


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
    if not any(f"{name_of(file)}.".startswith(f"{PACKAGE}.{printer}.") for printer in PRINTERS):
        assert prints(file.read_text()) == []


@in_tree([*FILES, *OTHERS])
def test_weights_are_read_as_tensors_only(file: Path) -> None:
    assert unsafe_loads(file.read_text()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("monai_strainer.physics.noise", "from ..io import read"),
        ("monai_strainer.physics.noise", "from .. import io"),
        ("monai_strainer.metrics", "from .priors.prior import Prior"),
        ("monai_strainer.restoring.data_fit", "from ..io import read"),
        ("monai_strainer.storage.provenance", "from ..restoring.restore import restore"),
        ("monai_strainer.storage.atomic", "from ..io import read"),
        ("monai_strainer.restoring.restore", "from ..inferers import StrainerInferer"),
        ("monai_strainer.pretraining.encoder", "def f():\n    import monai_strainer.cohorts.read"),
        ("monai_strainer.pretraining.encoder", "from ..io.find import find_scans"),
        ("monai_strainer.fitting.readout", "from monai.networks import nets"),
        ("monai_strainer.io.nifti.files", "from ...networks.siren import Siren"),
        ("monai_strainer.io.dicom.read", "import monai_strainer.physics as physics"),
        ("monai_strainer.cohorts.read", "import nibabel as nib"),
        ("monai_strainer.pipelines.bids", "import monai"),
        ("monai_strainer.reporting.html", "from argparse import ArgumentParser"),
        ("monai_strainer.physics.operators", "from deepinv.physics import LinearPhysics"),
        ("monai_strainer.adapters.deepinv", "from ..io import read"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, line: str) -> None:
    assert wrong_arrows(line, module)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("monai_strainer.priors.prior", "from ..networks import Siren"),
        ("monai_strainer.io.nifti.files", "import nibabel as nib\nfrom ...volume import Volume"),
        ("monai_strainer.inferers", "from monai.inferers import Inferer"),
        ("monai_strainer.bundle.parts", "from monai.bundle import ConfigParser"),
        ("monai_strainer.cli.command_line", "import argparse\nfrom ..io import read"),
        ("monai_strainer.fitting.readout", "from ..physics import Operator"),
    ],
)
def test_a_right_arrow_passes(module: str, line: str) -> None:
    assert wrong_arrows(line, module) == []


def test_a_package_resolves_its_own_relative_imports() -> None:
    assert wrong_arrows("from ..priors.prior import Prior", "monai_strainer.io", is_package=True)


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
