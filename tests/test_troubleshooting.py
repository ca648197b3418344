# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page of messages is that of the code: every message is on it, and every module that gives one has a family."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.troubleshooting_page import FAMILIES, PACKAGE, PAGE, family_of, messages, sections
from monai_strainer import Grid, RestoreOptions, Volume, load_prior, read
from monai_strainer.errors import InputError

FOUND = list(messages())


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text()
    for name, table in sections().items():
        assert f"<!-- {name} -->\n{table}\n<!-- end of {name} -->" in text, (
            "run python -m benchmarks.troubleshooting_page"
        )


def test_every_family_has_messages_and_a_cause() -> None:
    text = PAGE.read_text()
    for family in FAMILIES:
        assert any(family_of(module) == family for module, _, _ in FOUND)
        assert "**Cause.**" in text.partition(f"<!-- messages: {family} -->")[0].rpartition("\n## ")[2]


def test_nearly_every_error_of_the_code_was_understood() -> None:
    raised = sum(
        len(re.findall(r"\b(?:InputError|Fault)\(\s*[^)\s]", file.read_text())) for file in PACKAGE.rglob("*.py")
    )
    assert len(FOUND) > 0.9 * raised
    assert all(remedy.strip(". ") for _, _, remedy in FOUND)


def matches(error: InputError) -> bool:
    """Whether a message with its values is one of the list, where dots are any text."""
    patterns = (re.escape(finding).replace(r"\.\.\.", ".*") for _, finding, _ in FOUND)
    return any(re.fullmatch(pattern, error.finding, re.S) and pattern != ".*" for pattern in patterns)


def test_messages_that_users_meet_are_found(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(b"no image")
    (tmp_path / "scan.jpg").write_bytes(b"no image")
    calls = (
        lambda: read(tmp_path / "missing.nii.gz"),
        lambda: read(tmp_path / "scan.nii.gz"),
        lambda: read(tmp_path / "scan.jpg"),
        lambda: read(tmp_path),
        lambda: load_prior(tmp_path),
        lambda: RestoreOptions(method="magic"),
        lambda: Grid((0, 1, 2), 0),  # type: ignore[arg-type]
        lambda: Volume([1.0], Grid((1, 1, 2), [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])),  # type: ignore
    )
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert matches(caught.value), caught.value
