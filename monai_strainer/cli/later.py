# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Load modules that a command may never use when something of them is first used.

``import torch`` also loads what its compiler and its export need, which takes longer than to restore a slice. In the
process of a command such a module is an empty one until one of its names is asked for, or one of its submodules.

This is for versions of PyTorch that were tried: parts of it may count on what others do when they are loaded.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Collection, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["LATER", "TRIED", "load_later", "load_torch"]

LATER = (
    "torch._meta_registrations",  # shapes without numbers, for the compiler
    "torch.export",
    "torch.distributions",
    "numpy.f2py",
)
TRIED = ("2.13",)  # versions of torch that were seen to load so; any other is loaded as always
_NEEDED = ("torch._prims.rng_prims",)  # what these modules load, and others count on: random generators
_lock = threading.RLock()


def load_torch() -> None:
    """Load PyTorch without what restoring does not need."""
    load_later()
    import_module("torch")
    if isinstance(sys.modules.get(LATER[0]), _Later):
        for name in _NEEDED:
            import_module(name)


def load_later(names: Collection[str] = LATER) -> None:
    """Load modules of these names when they are first used, as long as this process lasts.

    Args:
        names: of modules. Those that are loaded stay as they are, and those of a version of PyTorch that was not tried.
    """
    tried = _version("torch").startswith(tuple(f"{version}." for version in TRIED))
    kept = [name for name in names if name not in sys.modules and (tried or not name.startswith("torch."))]
    sys.meta_path.insert(0, _Finder(frozenset(kept)))


def _version(package: str) -> str:
    """Read the version of a package without loading it; an empty text where it is not known."""
    spec = PathFinder.find_spec(package)
    try:
        text = (Path(str(spec and spec.origin)).parent / "version.py").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.search(r"^__version__ = ['\"]([^'\"]+)", text, re.MULTILINE)
    return found.group(1) if found else ""


class _Later(ModuleType):
    """A module that is loaded when a name that it does not have yet is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # what looks at every module does not load it
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        load(self)
        return getattr(self, name)


def load(module: _Later) -> None:
    """Load a module now.

    Args:
        module: that has not been loaded, unless another thread has just done it.
    """
    with _lock:
        if type(module) is not _Later:
            return
        spec = module.__spec__
        assert spec is not None and isinstance(spec.loader, _Loader)
        # whoever asks for a name meanwhile sees a module that is being loaded
        module.__class__ = ModuleType  # type: ignore[assignment]
        module.__loader__ = spec.loader = spec.loader.own
        assert spec.loader is not None
        spec.loader.exec_module(module)


class _Loader(Loader):
    """Makes the empty module."""

    def __init__(self, own: Loader) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return a module that is loaded later."""
        return _Later(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""


class _Finder(MetaPathFinder):
    """Finds the modules that are loaded later; before one of their submodules they are loaded, as always."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how a module is loaded, if it is one of these; None leaves it to the others."""
        parent = sys.modules.get(name.rpartition(".")[0])
        if isinstance(parent, _Later):
            load(parent)
        if name not in self.names or name in sys.modules:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec
