# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Docstrings describe arguments: what they name is one, and public functions with several name them all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "monai_strainer"
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(file.relative_to(ROOT)) for file in FILES]
MOST = 8  # parameters of a function
WIDE = {"amortise"}  # one pass of the network, with independent switches that tests try one by one
NO_VERBS = {"A", "An", "The", "What", "Which", "Where", "Who", "Why", "How", "All", "Every", "Everything", "One", "It"}

Documented = ast.FunctionDef | ast.ClassDef


def described(doc: str) -> list[str]:
    """The names in the Args section of a docstring."""
    block = re.split(r"\n(?=\S)", doc.split("Args:", 1)[1])[0] if "Args:" in doc else ""
    found = [match.group(1) for line in block.splitlines() if (match := re.match(r"^    (\S.*?):", line))]
    return [name.strip().lstrip("*") for names in found for name in names.split(",")]


def taken(node: ast.FunctionDef) -> list[str]:
    """The parameters of a function, without ``self`` and ``cls``."""
    args = node.args
    many = [one for one in (args.vararg, args.kwarg) if one is not None]
    names = [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs, *many)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def fields_of(node: ast.ClassDef) -> list[str]:
    """The public fields of a class that are declared with a type, but those that carry their text with them."""
    fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    plain = [one for one in fields if not (isinstance(one.value, ast.Call) and ast.unparse(one.value.func) == "entry")]
    return [one.target.id for one in plain if isinstance(one.target, ast.Name) and not one.target.id.startswith("_")]


def begins_of(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__new__")]


def known(node: Documented) -> set[str]:
    """The parameters of a function, or the fields and parameters of a class."""
    if isinstance(node, ast.FunctionDef):
        return {*taken(node), "self", "cls"}
    return set(fields_of(node)).union(*(taken(one) for one in begins_of(node)))


def is_public(name: str, tree: ast.Module) -> bool:
    """Return whether a module offers a name: it stands in ``__all__`` or, without that, has no underscore."""
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "__all__"
            and isinstance(node.value, ast.List)
        ):
            return name in [one.value for one in node.value.elts if isinstance(one, ast.Constant)]
    return not name.startswith("_")


def inherits_text(method: ast.FunctionDef, node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> bool:
    """Return whether a class above has a method of this name with an Args section: it holds for this one."""
    for base in node.bases:
        above = classes.get(ast.unparse(base).split("[")[0])
        if above is None:
            continue
        same = [one for one in above.body if isinstance(one, ast.FunctionDef) and one.name == method.name]
        if any("Args:" in (ast.get_docstring(one) or "") for one in same) or inherits_text(method, above, classes):
            return True
    return False


def undescribed(tree: ast.Module, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    """Public functions, methods and classes of a module with arguments that their docstrings do not describe."""
    for node in tree.body:
        if not isinstance(node, Documented) or not is_public(node.name, tree):
            continue
        if isinstance(node, ast.FunctionDef):
            yield from lacking(node.name, taken(node), node)
            continue
        begin = begins_of(node)[:1]
        wanted = taken(begin[0]) if begin else fields_of(node)
        yield from lacking(node.name, wanted, node, least=1 if begin else 2)
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or (method.name[0] == "_" and method.name != "__call__"):
                continue
            if not inherits_text(method, node, classes):
                yield from lacking(f"{node.name}.{method.name}", taken(method), method)


def lacking(name: str, wanted: list[str], node: Documented, least: int = 2) -> Iterator[str]:
    """Say which arguments are not described, where there are so many that a first line cannot describe them."""
    overloaded = isinstance(node, ast.FunctionDef) and "overload" in map(ast.unparse, node.decorator_list)
    doc = ast.get_docstring(node) or ""
    missed = [one for one in wanted if one not in described(doc)]
    if missed and not overloaded and (len(wanted) >= least or "Args:" in doc):
        yield f"{name} does not describe {', '.join(missed)}"


@pytest.fixture(scope="module")
def classes() -> dict[str, ast.ClassDef]:
    """All classes of the package by name."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in FILES]
    return {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_arguments_in_docstrings_are_parameters(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) or (isinstance(node, ast.ClassDef) and not node.bases):
            wrong = set(described(ast.get_docstring(node) or "")) - known(node)
            assert not wrong, f"{node.name} has no {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("file", [file for file in FILES if file.name[0] != "_" or file.name == "__init__.py"])
def test_public_functions_describe_their_arguments(file: Path, classes: dict[str, ast.ClassDef]) -> None:
    assert list(undescribed(ast.parse(file.read_text(encoding="utf-8")), classes)) == []


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_module_says_first_what_it_does(file: Path) -> None:
    first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    verb = first.split()[0].rstrip(":")
    assert re.fullmatch(r"[A-Z][a-z]+", verb) and verb not in NO_VERBS, f"begin with an imperative: {first}"
    assert first.endswith("."), "the first line is one sentence"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_functions_take_eight_parameters_at_most(file: Path) -> None:
    functions = [
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    ]
    counts = {
        node.name: len(set(taken(node)) - {a.arg for a in (node.args.vararg, node.args.kwarg) if a})
        for node in functions
    }
    assert {name: count for name, count in counts.items() if count > MOST and name not in WIDE} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('def f(a, b):\n    """Do it."""', ["f does not describe a, b"]),
        ('def f(a, b):\n    """Do it.\n\n    Args:\n        a: one.\n    """', ["f does not describe b"]),
        ('def f(a, b):\n    """Do it.\n\n    Args:\n        a, b: two.\n    """', []),
        ('def f(path):\n    """Read a file."""', []),
        ('def _f(a, b):\n    """Do it."""', []),
        ('__all__ = ["g"]\n\ndef f(a, b):\n    """Do it."""', []),
        ('class C:\n    """It."""\n    def __init__(self, a): ...', ["C does not describe a"]),
        ('class C:\n    """It."""\n    def m(self, a, b):\n        """Do it."""', ["C.m does not describe a, b"]),
        ('class C(Base):\n    """It."""\n    def m(self, a, b):\n        """Do it."""', []),
        ('class C:\n    """It."""\n    a: int\n    b: int = 1', ["C does not describe a, b"]),
        ('class C:\n    """It."""\n    a: int = entry("text")\n    b: int = entry("text")', []),
    ],
)
def test_arguments_without_a_description_are_seen(source: str, found: list[str]) -> None:
    base = (
        'class Base:\n    def m(self, a, b):\n        """Do it.\n\n        Args:\n            a, b: two.\n        """'
    )
    (above,) = ast.parse(base).body
    assert isinstance(above, ast.ClassDef)
    assert list(undescribed(ast.parse(source), {"Base": above})) == found
