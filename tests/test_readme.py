# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the READMEs and docs show to type exists: commands parse, targets and files are there, code compiles."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from monai_strainer.bundle.parts import refuse_typos
from monai_strainer.cli.command_line import _parser

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "bundles" / "mri_strainer"
PAGES = [ROOT / "README.md", BUNDLE / "docs" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(page, language, text, id=f"{page.name}-{k}")
    for page in PAGES
    for k, (language, text) in enumerate(re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.M | re.S))
]


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(("page", "language", "text"), BLOCKS)
def test_what_is_shown_can_be_typed(page: Path, language: str, text: str) -> None:
    if language == "python":
        compile(text, page.name, "exec")
        return
    if language in ("text", "toml"):  # what a command prints, and a file of options
        return
    home = BUNDLE if page.parent == BUNDLE / "docs" else ROOT
    for words in commands(text):
        if words[0] == "monai-strainer":
            _parser().parse_args(words[1:])
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M)
        elif "monai.bundle" in words:
            options = words[words.index("monai.bundle") + 1 :]
            files = [home / file for file in re.findall(r"[\w./]+\.json", options[options.index("--config_file") + 1])]
            known = {key.lstrip("+") for file in files for key in json.loads(file.read_text())} | {"workflow_type"}
            given = {word[2:] for word in options if word.startswith("--")} - {"config_file", "filepath"}
            assert given <= known
        else:
            assert words[0] in ("pip", "python")


def test_every_picture_is_there() -> None:
    for page in PAGES:
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / target).stat().st_size > 1000, target


def test_every_link_within_the_project_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"(?<!!)\[[^\]]+\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_the_short_table_of_the_readme_has_the_numbers_of_the_benchmark() -> None:
    table = (ROOT / "README.md").read_text().partition("**Brains of the cohort's kind.**")[2].partition("\n## ")[0]
    numbers = [number for row in re.findall(r"^\|.*\|$", table, re.M) for number in re.findall(r"\d+\.\d\d", row)]
    known = re.findall(r"\d+\.\d\d", (ROOT / "docs" / "benchmark.md").read_text())
    assert numbers
    assert set(numbers) <= set(known)


def test_nothing_but_a_bundle_run_is_checked_for_typos() -> None:
    refuse_typos(["pytest", "--anything"])
