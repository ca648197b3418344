# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the pages say to install is enough for the commands that follow."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from phantoms import small_head
from setup_arguments import setup_arguments

from monai_strainer import write

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if "monai-strainer " in line]
OURS = "monai-strainer"
OPTIONAL = {"skimage"}  # a rival method and photographs are left out without it
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDS = {  # what stands in a command, and the extra without which it stops
    r"monai-strainer demo": "demo",
    r"monai-strainer evaluate.* --picture": "pictures",
    r"python -m monai\.bundle": "bundle",
    r"monai\.bundle onnx_export": "onnx",
}
START = "import runpy, sys; sys.path[:0] = sys.argv[1].split('|'); sys.argv = sys.argv[2:]; "
CALL = "runpy.run_module('monai_strainer.cli', run_name='__main__', alter_sys=False)"


def requirements(name: str, extras: set[str]) -> Iterator[Requirement]:
    """What a distribution asks for on this machine; of this tree, what setup.py says."""
    if name == OURS:
        declared = setup_arguments()
        yield from map(Requirement, declared["install_requires"])
        yield from (Requirement(line) for extra in extras for line in declared["extras_require"][extra])
        return
    for need in map(Requirement, distribution(name).requires or ()):
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield need


def closure(*extras: str) -> set[str]:
    """Names of the distributions that ``pip install monai_strainer[extras]`` brings."""
    found: dict[str, set[str]] = {}
    todo = [(OURS, set(extras))]
    while todo:
        name, wanted = todo.pop()
        new = wanted - found.get(name, set())
        if name in found and not new:
            continue
        found.setdefault(name, set()).update(wanted)
        todo += [(canonicalize_name(need.name), set(need.extras)) for need in requirements(name, wanted)]
    return set(found) - {OURS}


def tops(name: str) -> set[str]:
    """What a distribution puts into the folder of packages."""
    return {file.parts[0] for file in distribution(name).files or () if file.parts[0] != ".."}


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Make the search path of an environment that has the package with some extras and nothing else."""

    def link(*extras: str) -> str:
        home = tmp_path_factory.mktemp("environment")
        for name in closure(*extras):
            for top in tops(name):
                source = Path(str(distribution(name).locate_file(top)))
                if source.exists() and not (home / top).exists():
                    (home / top).symlink_to(source)
        return f"{ROOT}|{home}"

    return link


def run(path: str, code: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that sees the standard library and ``path`` alone."""
    command = [sys.executable, "-I", "-S", "-c", START + code, path, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, but for the scan that the README names."""
    write(small_head(), tmp_path / "sub-01_T1w.nii.gz")
    return tmp_path


def test_the_environment_of_these_tests_lacks_what_was_not_asked_for(only: Callable[..., str], tmp_path: Path) -> None:
    there = "from importlib.util import find_spec; print([find_spec(n) is not None for n in sys.argv])"
    done = run(only(), there, "torch", "matplotlib", "ignite", "pytest", "monai_strainer", cwd=tmp_path)
    assert done.stdout.strip() == "[True, False, False, False, True]", done.stderr


def test_all_of_the_readme_works_after_its_install(only: Callable[..., str], folder: Path) -> None:
    code = [text for kind, text in BLOCKS if kind == "python"]
    words = [shlex.split(line, comments=True)[1:] for line in COMMANDS]
    one_process = "import json; from monai_strainer.cli import main; words, code = map(json.loads, sys.argv); "
    one_process += "assert [main(line) for line in words] == [0] * len(words); [exec(text) for text in code]"
    done = run(only(), one_process, json.dumps(words), json.dumps(code), cwd=folder)
    assert done.returncode == 0, done.stderr[-1500:]
    assert words and code and "extra" not in done.stderr
    for out in ("restored", "denoised", "sub-01_res-x2_desc-strainer_T1w"):
        assert all((folder / f"{out}{end}").exists() for end in (".nii.gz", ".json", "_std.nii.gz")), out


def test_a_picture_names_the_extra_it_lacks_and_is_drawn_with_it(only: Callable[..., str], folder: Path) -> None:
    (folder / "cohort").mkdir()
    for k in range(2):
        write(small_head(seed=k), folder / "cohort" / f"scan{k}.nii.gz")
    words = ["monai-strainer", "evaluate", "cohort", "--tasks", "x2", "--methods", "cubic", "--picture", "rows.png"]
    without = run(only(), CALL, *words, cwd=folder)
    assert without.returncode != 0
    assert 'Run pip install "monai_strainer[pictures]"' in without.stderr
    with_it = run(only("pictures"), CALL, *words, cwd=folder)
    assert with_it.returncode == 0, with_it.stderr[-1500:]
    assert (folder / "rows.png").stat().st_size > 1000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_the_extra_that_its_commands_need(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = "\n".join(block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S) if kind == "sh")
    needed = {extra for pattern, extra in NEEDS.items() if re.search(pattern, shown)}
    named = {extra for some in re.findall(r"\[([a-z,]+)\]\"", text) for extra in some.split(",")}
    assert needed <= named


APART = {"deepinv"}  # never installed beside the tests, and named as its package


def test_a_package_that_is_imported_late_is_in_the_extra_that_the_message_names() -> None:
    late = set(setup_arguments()["extras_require"]) - {"test", "dev", "docs", "external", "benchmark"}
    brought = {extra: set().union(*map(tops, closure(extra))) for extra in late - APART}
    brought |= {extra: {extra} for extra in APART}
    always, seen = set().union(*map(tops, closure())), set()
    for file in sorted((ROOT / "monai_strainer").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        room = text + "".join(one.read_text(encoding="utf-8") for one in file.parent.glob("*.py"))  # asks in one place
        named = set(re.findall(r"monai_strainer\[(\w+)\]", room)) | ({"bundle"} if "bundle" in file.parts else set())
        for top in imported(text) - set(sys.stdlib_module_names) - OPTIONAL - {"monai_strainer"}:
            if top not in always:
                assert any(top in brought[extra] for extra in named), (str(file), top)
                seen.add(top)
    assert {"matplotlib", "nilearn"} <= seen


def imported(text: str) -> set[str]:
    """Names of the top-level packages that a module imports anywhere."""
    nodes = list(ast.walk(ast.parse(text)))
    whole = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {name.split(".")[0] for name in whole + parts}
