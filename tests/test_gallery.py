# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Every example of the gallery runs on a small head, and the page shows it with its picture."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from examples.gallery.make import SCANS
from monai_strainer import Volume, write

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "gallery.md").read_text()


@pytest.mark.parametrize("name", SCANS)
def test_an_example_runs_and_makes_its_picture(
    name: str, tmp_path: Path, phantom: Volume, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    write(phantom, tmp_path / "scan.nii.gz")
    import_module(f"examples.gallery.{name}").main(tmp_path / "scan.nii.gz", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000
    assert capsys.readouterr().out.strip()


def test_the_page_shows_every_example_with_its_picture() -> None:
    files = {file.stem for file in (ROOT / "examples" / "gallery").glob("*.py")} - {"panels", "make"}
    assert files == set(SCANS)
    for name in SCANS:
        first = (ROOT / "examples" / "gallery" / f"{name}.py").read_text().splitlines()
        start = int(PAGE.split(f'--8<-- "examples/gallery/{name}.py:')[1].split(":")[0])
        assert first[start - 1].startswith(("from examples", "import", "from monai")), (
            "the code begins with its imports"
        )
        assert f"images/gallery/{name}.jpg" in PAGE
