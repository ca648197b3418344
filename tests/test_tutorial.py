# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The tutorial runs from top to bottom as it stands, and what it shows was made by running it."""

from __future__ import annotations

from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parent.parent / "examples" / "tutorial.ipynb"


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("nilearn")
    monkeypatch.setenv("PYTHONPATH", str(FILE.parent.parent))
    notebook = nbformat.read(FILE, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "prior of the package: super-resolution by amortised" in said and "prior made here" in said


def test_the_tutorial_is_kept_with_its_pictures_and_without_paths() -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(FILE, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs)
    assert str(Path.home()) not in FILE.read_text()
