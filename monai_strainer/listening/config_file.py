# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read the configuration file of the listener; what is unknown, missing or of another type is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from ..restoring.options import changed, declared
from ..storage.toml_file import read_toml
from .settings import Destination, Folders, Limits, Listen, Peer, Restoration, Sending, Series, Settings, Tls

__all__ = ["read_settings"]

Table = TypeVar("Table")
TABLES: Mapping[str, type] = {
    "listen": Listen,
    "destination": Destination,
    "tls": Tls,
    "series": Series,
    "folders": Folders,
    "limits": Limits,
    "sending": Sending,
}


def read_settings(path: str | os.PathLike[str]) -> Settings:
    """Read a configuration file; relative paths in it start from its folder.

    Args:
        path: TOML.

    Returns:
        the settings, with the defaults for what the file leaves out.

    Raises:
        InputError: the file cannot be read, or a table, key or value is not one of those that there are.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "listen.toml"
        >>> folders = "".join(f'{name} = "{name}"\\n' for name in ("queue", "quarantine", "done"))
        >>> archive = '[destination]\\nae_title = "PACS"\\nhost = "127.0.0.1"\\nport = 4242\\n'
        >>> _ = file.write_text(f"{archive}[folders]\\n{folders}")
        >>> read_settings(file).listen.address, read_settings(file).allow
        ('127.0.0.1', ())
    """
    path = Path(path)
    content = read_toml(path, "see examples/listen.toml")
    try:
        return _settings(content, path.resolve().parent)
    except InputError as error:
        raise InputError(error.finding, error.remedy, error.file or path) from error


def _settings(content: dict[str, Any], home: Path) -> Settings:
    _known("the file", content, [*TABLES, "allow", "restore"], "table")
    parts: dict[str, Any] = {
        name: _table(name, kind, content[name], home) for name, kind in TABLES.items() if name in content
    }
    for name in ("destination", "folders"):
        if name not in parts:
            raise InputError(f"there is no table [{name}]", "see examples/listen.toml")
    peers = content.get("allow", [])
    if not isinstance(peers, list):
        raise InputError("allow is no list of tables", "write [[allow]] with two brackets")
    parts["allow"] = tuple(_table("allow", Peer, one, home) for one in peers)
    parts["restore"] = _restoration(content.get("restore", {}), home)
    return Settings(**parts)


def _restoration(given: Any, home: Path) -> Restoration:
    """Read the table of the restoration, which holds two kinds of options."""
    if not isinstance(given, dict):
        raise InputError("restore is no table", "write [restore]")
    own = [one.name for one in fields(Restoration) if one.name != "options"]
    others = {**{name: option["kind"] or str for name, option in declared().items()}, "seed": int}
    _known("[restore]", given, [*own, *others], "key")
    for name in set(given) & set(others):
        _typed("restore", name, given[name], others[name])
    options = changed(None, {name: value for name, value in given.items() if name in others})
    mine = {name: value for name, value in given.items() if name in own}
    for name in set(mine) & {"scale", "spacing"}:
        values = mine[name] if isinstance(mine[name], list) else [mine[name]]
        for value in values:
            _typed("restore", name, value, float)
        mine[name] = tuple(float(value) for value in values)
    for name in set(mine) & {"std", "parametric_map"}:
        _typed("restore", name, mine[name], bool)
    for name in set(mine) & {"prior", "device"}:
        _typed("restore", name, mine[name], str)
    if "prior" in mine:
        mine["prior"] = home / mine["prior"]
    return Restoration(**mine, options=options)


KINDS = {"str": str, "int": int, "float": float, "Path": str, "bool": bool}  # of TOML, by the annotation of a field


def _table(name: str, kind: type[Table], given: Any, home: Path) -> Table:
    """Make a dataclass of a table."""
    if not isinstance(given, dict):
        raise InputError(f"{name} is no table", f"write [{name}]")
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    _known(f"[{name}]", given, list(known), "key")
    for key, one in known.items():
        if key not in given and one.default is MISSING:
            raise InputError(f"[{name}] has no {key}", f"add the line {key} = ...")
    values = {}
    for key, value in given.items():
        _typed(name, key, value, KINDS[str(known[key].type)])
        values[key] = home / value if known[key].type == "Path" else value
    return kind(**values)


def _typed(table: str, key: str, value: Any, kind: type) -> None:
    """Refuse a value of another type; a whole number is a number."""
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"[{table}] {key} is {value!r}, not of the type {kind.__name__}", "give a value of that type")


def _known(where: str, given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    if unknown := [name for name in given if name not in known]:
        raise InputError(f"{where} has an unknown {what} {', '.join(unknown)}", f"choose from {', '.join(known)}")
