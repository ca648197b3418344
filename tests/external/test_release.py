# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a release hands out: distributions that twine accepts, a bill of materials, a recipe for conda."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from importlib.metadata import version
from pathlib import Path

import pytest

from monai_strainer._version import __version__

pytestmark = pytest.mark.external
ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-release" / "bin"
URL = "https://example.org/strainer"
WEIGHTS = ("mri_strainer/models/model.pt", "mri_strainer/models/detail.pt", "general_strainer/models/model.pt")


def tool(name: str) -> str:
    """The path of a program of the release environment."""
    if not (TOOLS / name).exists():
        pytest.skip(f"{name} is not installed: tests/external/install.sh")
    return str(TOOLS / name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution of this tree, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    words = [tool("python"), "-m", "build", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(
        words, env={**os.environ, "MONAI_STRAINER_URL": URL}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def metadata_of(wheel: Path) -> Message:
    """METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as file:
        name = next(name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(file.read(name).decode())


def test_twine_accepts_both(made: tuple[Path, Path]) -> None:
    done = subprocess.run(
        [tool("twine"), "check", "--strict", *map(str, made)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_source_distribution_has_the_weights_with_their_terms_and_no_pictures(made: tuple[Path, Path]) -> None:
    with tarfile.open(made[0]) as file:
        sizes = {name.partition("/")[2]: file.getmember(name).size for name in file.getnames()}
    terms = [f"bundles/{name}/docs/data_license.txt" for name in ("mri_strainer", "general_strainer")]
    assert {*terms, "LICENSE", "docs/get_started.md", "tests/conftest.py", *(f"bundles/{w}" for w in WEIGHTS)} <= set(
        sizes
    )
    assert not [name for name in sizes if name.endswith((".png", ".jpg", ".csv", ".pyc"))]
    assert max(size for name, size in sizes.items() if not name.startswith("bundles/")) < 300_000
    assert made[0].stat().st_size < 25e6


def test_the_wheel_has_the_weights_with_their_terms(made: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(made[1]) as file:
        names = set(file.namelist())
    assert {f"monai_strainer/_bundle/{name}" for name in WEIGHTS} | {"monai_strainer/py.typed"} <= names
    said = metadata_of(made[1])
    assert said["Version"] == __version__ and said["License-Expression"] == "Apache-2.0 AND CC-BY-NC-3.0"
    files = said.get_all("License-File") or []
    assert {"LICENSE", "bundles/mri_strainer/docs/data_license.txt"} <= set(files)
    assert all(f"monai_strainer-{__version__}.dist-info/licenses/{name}" in names for name in files)


def test_the_page_of_the_wheel_links_to_the_tag_of_its_version(made: tuple[Path, Path]) -> None:
    page = str(metadata_of(made[1]).get_payload())
    assert f"]({URL}/blob/v{__version__}/docs/get_started.md)" in page
    assert f"]({URL}/raw/v{__version__}/docs/images/demo.png)" in page


def test_the_bill_of_materials_names_what_is_installed(tmp_path: Path) -> None:
    target = tmp_path / "sbom.cdx.json"
    words = [tool("cyclonedx-py"), "environment", "--output-reproducible", "--of", "JSON", "-o", str(target)]
    subprocess.run(
        [*words, sys.executable], check=True, capture_output=True
    )  # it checks the schema of CycloneDX itself
    bill = json.loads(target.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    parts = {part["name"]: part for part in bill["components"]}
    assert parts["torch"]["version"].partition("+")[0] == version("torch").partition("+")[0]
    ours = next(part for name, part in parts.items() if name.replace("-", "_") == "monai_strainer")
    assert "CC-BY-NC-3.0" in json.dumps(ours["licenses"])


def test_the_conda_recipe_renders() -> None:
    code = """
import sys, rattler_build
recipe = rattler_build.Stage0Recipe.from_file(sys.argv[1]).render(rattler_build.VariantConfig())[0].recipe
print(recipe.package.name, recipe.package.version, "numpy" in recipe.to_dict()["requirements"]["run"])
"""
    recipe = ROOT / "conda" / "recipe" / "recipe.yaml"
    done = subprocess.run([tool("python"), "-c", code, str(recipe)], capture_output=True, text=True, check=False)
    if "No module named 'rattler_build'" in done.stderr:
        pytest.skip("py-rattler-build is not installed: tests/external/install.sh")
    assert done.stdout.split() == ["monai_strainer", __version__, "True"], done.stderr
