# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a docstring names as an argument is one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "monai_strainer"
FILES = sorted(ROOT.rglob("*.py"))


def described(doc: str) -> list[str]:
    """The names in the Args section of a docstring."""
    block = re.split(r"\n(?=\S)", doc.split("Args:", 1)[1])[0] if "Args:" in doc else ""
    found = [match.group(1) for line in block.splitlines() if (match := re.match(r"^    (\S.*?):", line))]
    return [name.strip().lstrip("*") for names in found for name in names.split(",")]


def taken(node: ast.FunctionDef) -> set[str]:
    """The parameters of a function."""
    args = node.args
    many = [one for one in (args.vararg, args.kwarg) if one is not None]
    return {one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs, *many)}


def known(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """The parameters of a function, or the fields and parameters of a class."""
    if isinstance(node, ast.FunctionDef):
        return taken(node)
    fields = {one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)}
    begins = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__new__")]
    return fields.union(*(taken(one) for one in begins))


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_arguments_in_docstrings_are_parameters(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) or (isinstance(node, ast.ClassDef) and not node.bases):
            wrong = set(described(ast.get_docstring(node) or "")) - known(node)
            assert not wrong, f"{node.name} has no {', '.join(sorted(wrong))}"
