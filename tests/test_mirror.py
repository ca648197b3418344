# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tests mirror the package: every module has a test file of its name, in the folder of its room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "monai_strainer").rglob("*.py"))
WITHOUT = {  # and why
    "__init__.py": "public names, looked up when they are used; tests/test_imports.py loads it",
    "_version.py": "one number, which tests/test_packaging.py compares with the metadata",
    "cli/__main__.py": "one call of run",
}


def file_of(module: str) -> str:
    """``tests/physics/test_noise.py`` for ``physics/noise.py``; a package is tested under its own name."""
    path = Path(module)
    name = path.parent.name if path.name == "__init__.py" else path.stem.lstrip("_")
    return (path.parent / f"test_{name}.py").as_posix()


def only_names(source: str) -> bool:
    """Return whether a module defines nothing: a docstring, imports, and names."""
    body = ast.parse(source).body
    return not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


def without_test(module: str, source: str, tests: Path) -> bool:
    """Return whether a module lacks the test file that it should have."""
    if module in WITHOUT or (module.endswith("__init__.py") and only_names(source)):
        return False
    return not (tests / file_of(module)).is_file()


@pytest.mark.parametrize("file", MODULES, ids=[file.relative_to(ROOT).as_posix() for file in MODULES])
def test_every_module_has_a_test_file_of_its_name(file: Path) -> None:
    module = file.relative_to(ROOT / "monai_strainer").as_posix()
    assert not without_test(module, file.read_text(), ROOT / "tests"), f"tests/{file_of(module)} is missing"


@pytest.mark.parametrize(
    ("module", "test"),
    [
        ("physics/noise.py", "physics/test_noise.py"),
        ("_moved.py", "test_moved.py"),
        ("io/__init__.py", "io/test_io.py"),
    ],
)
def test_a_module_without_its_test_is_seen(module: str, test: str, tmp_path: Path) -> None:
    source = "def f():\n    pass\n"
    assert without_test(module, source, tmp_path)
    (tmp_path / test).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / test).touch()
    assert not without_test(module, source, tmp_path)


def test_exceptions_exist_and_packages_of_names_need_no_test(tmp_path: Path) -> None:
    assert all((ROOT / "monai_strainer" / name).is_file() for name in WITHOUT)
    assert not without_test("physics/__init__.py", "from .noise import RicianNoise\n", tmp_path)
