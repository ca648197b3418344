# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of modules that are loaded later: whoever uses one sees what it always holds, whatever is asked for first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from monai_strainer.cli.later import LATER, TRIED

BEGIN = """
import sys
from monai_strainer.cli.later import load_later, load_torch
def waits(name): return type(sys.modules[name]).__name__ == "_Later"
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that says when it is loaded; its parts need each other, as those of PyTorch do."""
    home = tmp_path / "slow"
    home.mkdir()
    (home / "__init__.py").write_text(
        "print('loaded'); from .part import inner; outer = inner + 1; __all__ = ['outer']"
    )
    (home / "part.py").write_text("import slow; inner = 1")
    return tmp_path


def printed(code: str, *paths: Path) -> str:
    lines = [f"sys.path.insert(0, {str(path)!r})" for path in paths]
    done = subprocess.run([sys.executable, "-c", "\n".join([BEGIN, *lines, code])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("import slow; slow.outer", "loaded"),
        ("from slow import outer", "loaded"),
        ("from slow import *; outer", "loaded"),
        ("import slow.part; slow.outer", "loaded"),
        ("from slow.part import inner", "loaded"),
        ("import slow; slow.__file__; slow.__spec__; hasattr(slow, '__wrapped__')", ""),
        ("import slow; import slow", ""),
        ("import inspect, slow; inspect.getmodule(inspect.currentframe())", ""),
    ],
)
def test_a_module_is_loaded_when_something_of_it_is_used(package: Path, use: str, said: str) -> None:
    assert printed(f"load_later(['slow']); {use}", package) == said


def test_a_module_is_loaded_once_and_is_then_as_any_other(package: Path) -> None:
    code = "import slow; kept = slow; slow.outer; slow.outer; import slow.part; "
    assert printed(f"load_later(['slow']); {code} print(kept is slow, type(slow).__name__)", package) == (
        "loaded\nTrue module"
    )


def test_what_a_module_lacks_is_no_attribute_and_what_does_not_exist_is_no_module(package: Path) -> None:
    code = "load_later(['slow', 'absent'])\nimport slow\nprint(hasattr(slow, 'nothing'))\ntry: import absent\n"
    assert printed(code + "except ModuleNotFoundError as error: print(error)", package) == (
        "loaded\nFalse\nNo module named 'absent'"
    )


def test_a_module_that_is_there_stays(package: Path) -> None:
    assert printed("import slow; load_later(['slow']); import slow; print(waits('slow'))", package) == "loaded\nFalse"


def test_pytorch_does_without_and_what_waits_can_be_used() -> None:
    code = f"""
load_torch()
print(all(waits(name) for name in {LATER!r} if name in sys.modules and name != "numpy.f2py"))
import torch
torch.Generator().manual_seed(1)
print(float(torch.nn.Linear(1, 1, bias=False)(torch.zeros(1))))
print(float(torch.distributions.Normal(0.0, 1.0).mean), torch.export.export.__name__)
print(torch.nn.functional.gelu(torch.ones(2, 3, device="meta")).shape[1])
import numpy.f2py
print(waits("numpy.f2py"), callable(numpy.f2py.run_main))
"""
    assert printed(code).split("\n") == ["True", "0.0", "0.0 export", "3", "True True"]


def test_a_version_of_pytorch_that_was_not_tried_is_loaded_as_always() -> None:
    code = "from monai_strainer.cli import later; later.TRIED = ('0.1',); load_torch(); print(waits('torch.export'))"
    assert printed(code) == "False"


def test_the_version_of_pytorch_that_is_tested_with_was_tried() -> None:
    pins = (Path(__file__).parents[2] / "constraints.txt").read_text()
    (pin,) = re.findall(r"^torch==(\d+\.\d+)", pins, re.MULTILINE)
    assert pin in TRIED
