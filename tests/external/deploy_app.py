# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the operator of the docs as an application of MONAI Deploy: IN and OUT are DICOM folders.

python tests/external/deploy_app.py PAGE IN OUT
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from monai.deploy.core import Application, Operator, OperatorSpec

PAGE, SOURCE, TARGET = map(Path, sys.argv[1:4])


class Give(Operator):  # type: ignore[misc]
    """Hand a folder on."""

    def setup(self, spec: OperatorSpec) -> None:
        spec.output("series_folder")

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        op_output.emit(SOURCE, "series_folder")


class Take(Operator):  # type: ignore[misc]
    """Say where the result is."""

    def setup(self, spec: OperatorSpec) -> None:
        spec.input("restored_folder")

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        print("restored:", op_input.receive("restored_folder"), flush=True)


def operator_of_the_docs() -> type[Operator]:
    """The class ``Restore`` as the page has it."""
    text = PAGE.read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?class Restore\(Operator\).*?)^```", text, re.M | re.S)
    assert code
    names: dict[str, Any] = {}
    exec(compile(code[1], PAGE.name, "exec"), names)
    restore: type[Operator] = names["Restore"]
    return restore


class App(Application):  # type: ignore[misc]
    """A folder in, the operator, a folder out."""

    def compose(self) -> None:
        from monai.deploy.conditions import CountCondition

        give = Give(self, CountCondition(self, 1), name="give")
        restore = operator_of_the_docs()(self, output_folder=TARGET, name="restore")
        take = Take(self, name="take")
        self.add_flow(give, restore, {("series_folder", "series_folder")})
        self.add_flow(restore, take, {("restored_folder", "restored_folder")})


if __name__ == "__main__":
    App().run()
