# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a user installs: metadata, pins, licence, citation, and the bundle's place in a wheel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from setup_arguments import setup_arguments

from monai_strainer._version import __version__

ROOT = Path(__file__).resolve().parent.parent


def project(requirement: str) -> str:
    """The normalised project name of a requirement: ``PyYAML>=6`` is ``pyyaml``."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    """What setup.py hands to setuptools."""
    return setup_arguments()


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    """Project name to exact version, of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line.strip() and not line.startswith("#"))
    return {project(name): version.split(";")[0] for name, version in pairs}


def test_version_is_said_once(metadata: dict[str, Any]) -> None:
    assert metadata["version"] == __version__


def test_every_extra_is_named_in_the_docs(metadata: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "how_to" / "install.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == set(metadata["extras_require"])


def test_the_versions_claimed_are_those_of_the_docs(metadata: dict[str, Any]) -> None:
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata["classifiers"]))
    page = (ROOT / "docs" / "how_to" / "install.md").read_text()
    assert re.findall(r"^\| (3\.\d+) \|", page, re.M) == claimed
    assert metadata["python_requires"] == f">={claimed[0]}"


def test_run_time_needs_are_declared(metadata: dict[str, Any]) -> None:
    needs = {project(line) for line in metadata["install_requires"] if "python_version" not in line}
    assert needs == {"torch", "numpy", "scipy", "nibabel", "pydicom", "monai", "tqdm", "jinja2", "pillow"}


def test_command_line_is_an_entry_point(metadata: dict[str, Any]) -> None:
    assert metadata["entry_points"]["console_scripts"] == ["monai-strainer = monai_strainer.cli:run"]


def test_only_the_package_is_installed(metadata: dict[str, Any]) -> None:
    assert "monai_strainer" in metadata["packages"]
    assert {name.split(".")[0] for name in metadata["packages"]} == {"monai_strainer"}


def test_every_folder_of_modules_is_a_package(metadata: dict[str, Any]) -> None:
    folders = {file.parent.relative_to(ROOT) for file in (ROOT / "monai_strainer").rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} == set(metadata["packages"])


def test_types_are_shipped(metadata: dict[str, Any]) -> None:
    assert "py.typed" in metadata["package_data"]["monai_strainer"]
    assert (ROOT / "monai_strainer" / "py.typed").is_file()


def test_torch_is_pinned(pins: dict[str, str]) -> None:
    assert pins["torch"] == "2.13.0"


def test_every_need_is_pinned(metadata: dict[str, Any], pins: dict[str, str]) -> None:
    extras = metadata["extras_require"].values()
    needs = {project(line) for line in [*metadata["install_requires"], *(line for extra in extras for line in extra)]}
    assert needs - set(pins) == set()


@pytest.mark.parametrize("path", ["LICENSE", "bundles/mri_strainer/LICENSE"])
def test_licence_is_complete(path: str) -> None:
    text = (ROOT / path).read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert all(f"\n   {number}. " in text for number in range(1, 10))
    assert "END OF TERMS AND CONDITIONS" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text
    assert text.rstrip().endswith("limitations under the License.")


def test_citation_names_the_software_and_the_method() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["title"] == "monai_strainer" and citation["version"] == __version__
    assert {"cff-version", "message", "authors"} <= set(citation)
    assert any("2409.09566" in reference["url"] for reference in citation["references"])


def test_changelog_knows_this_version() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("url", ["", "https://example.org/strainer/"])
def test_the_readme_has_no_link_that_leads_nowhere_on_a_page_of_its_own(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONAI_STRAINER_URL", url)
    declared = setup_arguments()
    readme, page = (ROOT / "README.md").read_text(), declared["long_description"]
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert targets and all(target.startswith(("https://", "#")) for target in targets)
    assert len(readme.split()) - len(page.split()) < 20
    home = f"https://example.org/strainer/blob/v{__version__}"
    assert (f"[Get started]({home}/docs/get_started.md)" in page) == bool(url)
    assert (f"https://example.org/strainer/raw/v{__version__}/docs/images/demo.png" in page) == bool(url)
    assert bool(declared["project_urls"]) == bool(url)


def test_the_conda_recipe_asks_for_what_pip_asks_for(metadata: dict[str, Any]) -> None:
    recipe = yaml.safe_load((ROOT / "conda" / "recipe" / "recipe.yaml").read_text())
    assert recipe["context"] == {"name": metadata["name"], "version": __version__}
    asked = {re.sub(r"\s", "", need) for need in recipe["requirements"]["run"]}
    names = {"torch": "pytorch"}
    wanted = {
        re.sub(r"^[\w-]+", lambda name: names.get(name[0], name[0]), need.partition(";")[0])
        for need in metadata["install_requires"]
    }
    assert asked == wanted | {f"python{metadata['python_requires']}"}
    assert recipe["about"]["license"] == metadata["license_expression"]
    assert recipe["build"]["python"]["entry_points"] == metadata["entry_points"]["console_scripts"]
    assert all((ROOT / file).is_file() for file in recipe["about"]["license_file"])


def test_a_release_is_tested_before_it_is_published() -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    jobs = flow["jobs"]
    assert set(jobs["publish"]["needs"]) == {"build", "test"}
    assert jobs["publish"]["permissions"]["id-token"] == "write"  # a trusted publisher: no password is kept anywhere
    assert flow["permissions"] == {"contents": "read"}
    commands = [word for step in jobs["build"]["steps"] for word in re.findall(r"make ([\w ]+)", step.get("run", ""))]
    assert [goal for line in commands for goal in line.split()] == ["dist", "sbom"]
    assert all(re.search(rf"^{goal}:", (ROOT / "Makefile").read_text(), re.M) for goal in ("dist", "sbom"))


def test_the_versions_of_a_release_are_those_that_are_claimed(metadata: dict[str, Any]) -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata["classifiers"]))
    assert flow["jobs"]["test"]["strategy"]["matrix"]["python"] == claimed
