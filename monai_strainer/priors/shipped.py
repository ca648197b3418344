# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the shipped bundles: inside an installed wheel, or next to the package in a source tree."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError

__all__ = ["bundle_path"]


def bundle_path(name: str = "mri_strainer") -> Path:
    """Return the folder of a bundle that comes with the package.

    A wheel carries its bundles in ``monai_strainer/_bundle``; a source tree or an editable install has them in
    ``bundles`` next to the package.

    Args:
        name: the bundle's own name, without any folder.

    Returns:
        an existing folder, fit for ``load_prior`` and for ``--bundle_root``.

    Raises:
        InputError: no bundle of that name came with the package.

    Example:
        >>> bundle_path().name
        'mri_strainer'
    """
    package = Path(__file__).resolve().parents[1]
    if name not in ("", "..") and Path(name).name == name:  # a name, not a path that leads elsewhere
        for home in (package / "_bundle", package.parent / "bundles"):
            if (home / name).is_dir():
                return home / name
    raise InputError(
        f"no bundle called {name!r} comes with monai_strainer", "install the package again, or pass a bundle folder"
    )
