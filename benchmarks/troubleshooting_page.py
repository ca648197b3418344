# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Generate the tables of docs/troubleshooting.md: every message that the code can give, with its remedy.

Messages are read from the source: the first two arguments of every ``InputError``, ``Fault`` and ``Finding``. Three
dots stand for a value.

python -m benchmarks.troubleshooting_page
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.tables import fill

__all__ = ["FAMILIES", "family_of", "messages", "sections"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "monai_strainer"
PAGE = ROOT / "docs" / "troubleshooting.md"
RAISED = ("InputError", "Fault", "Finding")

# Families of messages, and the modules that give them; a module belongs to the first family that names its beginning.
FAMILIES: dict[str, str] = {
    "dicom": "io/dicom listening cli/listen",
    "bids": "io/bids pipelines/bids",
    "files": "io/nifti io/mgh io/formats storage/toml_file",
    "folders": "io/find pipelines/jobs cohorts/sources",
    "writing": "io/__init__ io/image_files io/replacing pipelines/batch storage/atomic storage/marks errors "
    "cli/restore cli/targets cli/messages",
    "options": "restoring/options restoring/method pipelines/restore_file pipelines/file_options pipelines/beside_scan "
    "inferers cli/recipes cli/limits cli/denoise_image cli/config_file pipelines/denoise_image pipelines/device "
    "pipelines/fuse_files pipelines/stack_files cli/fuse pipelines/contrast_files fusing/options fusing/door adapters",
    "scan": "restoring fusing anatomy geometry volume",
    "priors": "priors storage/weights storage/checkpoints",
    "training": "cohorts pretraining pipelines/pretrain_prior pipelines/prior pipelines/bundle pipelines/general "
    "cli/learn",
    "physics": "physics fitting",
    "bundle": "transforms bundle",
    "evaluation": "evaluation pipelines/demo reporting metrics",
}


def family_of(module: str) -> str:
    """Return the family of a module such as ``io/nifti/files``.

    Raises:
        KeyError: none names it.
    """
    for family, beginnings in FAMILIES.items():
        if any(module == one or module.startswith((f"{one}/", f"{one}_")) for one in beginnings.split()):
            return family
    raise KeyError(f"{module} gives a message and belongs to no family: name it in FAMILIES")


def messages() -> Iterator[tuple[str, str, str]]:
    """Yield module, finding and remedy of every message; those that only pass others on are left out."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(PACKAGE.rglob("*.py"))}
    constants: dict[str, list[ast.expr]] = {}
    for tree in trees.values():
        constants = _assigned(tree.body) | constants
    for file, tree in trees.items():
        module = file.relative_to(PACKAGE).with_suffix("").as_posix()
        own = constants | _assigned(tree.body)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for call in _calls(tree):
            around = [one for one in functions if one.lineno <= call.lineno <= (one.end_lineno or 0)]
            known = own | (_assigned(ast.walk(around[-1])) if around else {})
            finding, remedy = (_texts(argument, known) for argument in call.args[:2])
            for k in range(max(len(finding), len(remedy)) if finding and remedy else 0):
                yield module, finding[min(k, len(finding) - 1)], remedy[min(k, len(remedy) - 1)]


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    yield from (call for call in calls if call.func.id in RAISED and len(call.args) > 1)


def _assigned(nodes: Iterator[ast.AST] | list[ast.stmt]) -> dict[str, list[ast.expr]]:
    """Return what is assigned to each name, in order."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def _texts(node: ast.AST, known: Mapping[str, list[ast.expr]]) -> list[str]:
    """Return the texts that an expression can be, values as three dots; none where it is no text."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Name):
        others = {name: values for name, values in known.items() if name != node.id}
        return [text for value in known.get(node.id, []) for text in _texts(value, others)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, known), *_texts(node.orelse, known)]
    if isinstance(node, ast.BinOp):
        sides = [_texts(side, known) or ["..."] for side in (node.left, node.right)]
        return [sides[0][0] + sides[1][0]]
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.FormattedValue) else part for part in node.values)
        return ["".join(_inner(part, known) for part in parts)]
    return []


def _inner(part: ast.expr, known: Mapping[str, list[ast.expr]]) -> str:
    """Return a part of a formatted text: its words, or three dots."""
    if isinstance(part, ast.Call) and part.args and isinstance(part.args[0], ast.Constant):
        part = part.args[0]  # of a call such as tag_of("Modality"), what it names
    texts = _texts(part, known) if isinstance(part, ast.Constant | ast.Name | ast.JoinedStr) else []
    return texts[0] if len(texts) == 1 else "..."


def sections() -> dict[str, str]:
    """Return the table of every family."""
    rows: dict[str, dict[str, str]] = {family: {} for family in FAMILIES}
    for module, finding, remedy in messages():
        rows[family_of(module)].setdefault(_cell(finding), _cell(remedy))
    head = ["| message | what to do |", "| --- | --- |"]
    return {
        f"messages: {family}": "\n".join([*head, *(f"| {finding} | {remedy} |" for finding, remedy in found.items())])
        for family, found in rows.items()
    }


def _cell(text: str) -> str:
    """Return a text that a table takes as it is."""
    text = re.sub(r"(\.\.\.\s*)+", "... ", " ".join(text.split())).replace("... ,", "...,").strip()
    for letter in "|<>*_[]":
        text = text.replace(letter, f"\\{letter}")
    return text.replace("\\<", "&lt;").replace("\\>", "&gt;")


if __name__ == "__main__":
    fill(PAGE, sections())
