# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The documentation is one site: every page is in its menu, its sample stands alone, its workflow builds it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from setup_arguments import setup_arguments

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "docs" / "samples" / "report.html"


def pages_of(menu: Any) -> list[str]:
    """All pages that a menu names."""
    if isinstance(menu, str):
        return [menu]
    return [page for entry in (menu.values() if isinstance(menu, dict) else menu) for page in pages_of(entry)]


def test_every_page_is_in_the_menu_once() -> None:
    yaml = pytest.importorskip("yaml")
    named = pages_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    there = {file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")}
    assert sorted(named) == sorted(there)


def test_the_sample_report_is_small_alone_and_linked() -> None:
    text = SAMPLE.read_text()
    assert SAMPLE.stat().st_size < 1.5e6
    assert "default-src 'none'" in text and not re.findall(r"""(?:src|href)=["']?https?:""", text)
    assert "neck.nii.gz" in text and "/tmp" not in text and str(Path.home()) not in text
    for page in ("README.md", "docs/index.md", "docs/concepts/report.md"):
        assert "samples/report.html" in (ROOT / page).read_text(), page


def test_the_sample_report_is_a_page_of_this_version() -> None:
    text = SAMPLE.read_text()
    script = (ROOT / "monai_strainer" / "reporting" / "templates" / "viewer.js").read_text()
    assert script.strip() in text, "run python -m benchmarks.sample_report DATA"


def test_the_workflow_builds_strictly_and_publishes_versions() -> None:
    yaml = pytest.importorskip("yaml")
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "docs.yml").read_text())["jobs"]
    build, publish = ([step.get("run", "") for step in jobs[name]["steps"]] for name in ("build", "publish"))
    assert "mkdocs build --strict" in build
    assert any("mike deploy --push dev" in line for line in publish)
    installs = [line for line in (*build, *publish) if line.startswith("pip install") and "docs" in line]
    assert set(installs) == {'pip install -c constraints.txt ".[docs]"'}  # mike is of the extra
    assert "mike" in setup_arguments()["extras_require"]["docs"]
    assert yaml.safe_load((ROOT / "mkdocs.yml").read_text())["extra"]["version"]["provider"] == "mike"
