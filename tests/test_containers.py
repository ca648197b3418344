# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The recipes of the containers: no root, no network at run time, pinned versions, sources that are there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE, APPTAINER = ROOT / "containers" / "Dockerfile", ROOT / "containers" / "apptainer.def"
FETCHERS = ("curl", "wget", "git ", "apt-get", "apt ", "ssh")


def steps() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile with its argument, continued lines joined, comments left out."""
    text = re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE.read_text())
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split()[0].upper(), line.split(None, 1)[1]) for line in lines if line.strip()]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions by stage, each with its FROM."""
    found: list[list[tuple[str, str]]] = []
    for step in steps():
        if step[0] == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def sections() -> dict[str, str]:
    """The sections of the Apptainer recipe by name."""
    parts = re.split(r"(?m)^%(\w+).*\n", APPTAINER.read_text())
    return {"header": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


def copied() -> set[str]:
    """What the Dockerfile copies from the repository."""
    words = [shlex.split(given) for kind, given in steps() if kind in ("COPY", "ADD")]
    return {source for line in words if not line[0].startswith("--from=") for source in line[:-1]}


def tracked(name: str) -> bool:
    """Whether git knows a file, or files below a folder."""
    done = subprocess.run(["git", "ls-files", "--", name], cwd=ROOT, capture_output=True, text=True)
    return bool(done.stdout.strip())


def test_what_runs_is_not_root() -> None:
    users = [given for kind, given in stages()[-1] if kind == "USER"]
    assert users and int(users[-1].split(":")[0]) > 0


def test_the_command_line_is_the_entry_point() -> None:
    given = dict(stages()[-1])
    assert given["ENTRYPOINT"] == '["monai-strainer"]'
    assert 'exec monai-strainer "$@"' in sections()["runscript"]


def test_what_runs_needs_no_network_and_has_no_tool_to_fetch_with() -> None:
    for kind, given in stages()[-1]:
        assert kind != "ADD" and not (kind == "RUN" and any(word in f"{given} " for word in (*FETCHERS, "pip ")))
    for text in (DOCKERFILE.read_text(), sections()["post"]):
        assert "uninstall --yes pip" in text and not any(f" {word}" in text for word in FETCHERS)
    for name in ("runscript", "environment", "test"):
        assert "pip" not in sections()[name]


def test_every_version_is_pinned() -> None:
    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if re.match(r"[\w-]+==", line)
    )
    bases = re.findall(r"(?m)^From?:? (python:\S+)|^FROM (\S+)", DOCKERFILE.read_text() + "\n" + APPTAINER.read_text())
    bases = [one or other for one, other in bases]
    assert len(bases) == 3 and len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases[0]), "a full version, which the constraints are for"
    for text in (DOCKERFILE.read_text(), APPTAINER.read_text()):
        installs = re.findall(r"pip install\b(?:[^\n\\]|\\\n)*", text)
        assert len(installs) == 2 and all("-c constraints.txt" in line for line in installs)
        assert re.findall(r"torch==([\d.]+)", text) == [pins["torch"]]


def test_every_source_is_in_the_repository_and_in_the_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    for source in copied():
        assert tracked(source) and f"!{source}" in ignored, source
    listed = {line.split()[0] for line in sections()["files"].splitlines() if line.strip()}
    assert listed == copied()
