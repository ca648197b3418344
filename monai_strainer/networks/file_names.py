# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Keep the names that tensors have in weights files, whatever the attributes of a network are called.

Weights files are a format: digests of them are in rules, reports and tables, and other versions read them. So a state
dictionary has the names of the files, and both are accepted where one is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

__all__ = ["name_in_files"]


def name_in_files(network: nn.Module, names: Mapping[str, str]) -> None:
    """Give attributes of a network other names in its state dictionary.

    Args:
        network: holds the attributes.
        names: of attributes, and what files call them.

    Example:
        >>> net = nn.Sequential()
        >>> net.readout = nn.Linear(2, 1, bias=False)
        >>> name_in_files(net, {"readout": "head"})
        >>> list(net.state_dict())
        ['head.weight']
        >>> net.load_state_dict({"readout.weight": net.readout.weight})  # TorchScript knows attributes alone
        <All keys matched successfully>
    """
    network.register_state_dict_post_hook(partial(_rename_all, dict(names)))
    network.register_load_state_dict_pre_hook(partial(_rename_back, {old: new for new, old in names.items()}))


def _rename_all(names: dict[str, str], network: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """Rename the entries of a network in a state dictionary; their order stays."""
    entries = list(state.items())
    state.clear()
    state.update({_renamed(name, prefix, names): value for name, value in entries})


def _rename_back(names: dict[str, str], network: nn.Module, state: dict[str, Any], prefix: str, *more: Any) -> None:
    """Rename the entries of files to those of attributes, before a network takes them."""
    _rename_all(names, network, state, prefix, None)


def _renamed(name: str, prefix: str, names: Mapping[str, str]) -> str:
    """Return the new name of one entry."""
    if not name.startswith(prefix):
        return name
    first, dot, rest = name.removeprefix(prefix).partition(".")
    return f"{prefix}{names.get(first, first)}{dot}{rest}"
