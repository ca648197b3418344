# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The SLURM example under SLURM itself: an array of two tasks on this machine gives the bytes of one run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from phantoms import small_head

from monai_strainer import write

pytestmark = pytest.mark.external
SCRIPT = Path(__file__).parents[2] / "examples" / "slurm" / "restore.sbatch"
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
CredType=cred/munge
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=20000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def cluster(program: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """A controller, a node and munge on loopback; the environment in which SLURM's commands find them."""
    programs = {name: program(name) for name in ("munged", "slurmctld", "slurmd", "sbatch", "srun", "sinfo")}
    if os.geteuid() != 0:
        pytest.skip("slurmd starts jobs for root alone")
    home = Path(tempfile.mkdtemp(prefix="slurm"))  # munge refuses a socket in a folder that others cannot enter
    home.chmod(0o755)
    host = socket.gethostname().split(".")[0]
    text = CONFIGURATION.format(host=host, home=home, controller=free_port(), node=free_port())
    (home / "slurm.conf").write_text(text)
    (home / "munge.key").write_bytes(os.urandom(1024))
    (home / "munge.key").chmod(0o400)
    for name in ("state", "spool", "bin"):
        (home / name).mkdir()
    own = home / "bin" / "monai-strainer"
    own.write_text(f'#!/bin/bash\nexec {sys.executable} -m monai_strainer.cli "$@"\n')
    own.chmod(0o755)
    environment = {**os.environ, "SLURM_CONF": f"{home}/slurm.conf", "PATH": f"{home}/bin:{os.environ['PATH']}"}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        munge = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        files = [f"--{option}={home}/munge.{end}" for option, end in munge.items()]
        starts = [[programs["munged"], "--foreground", "--force", *files]]
        starts += [[programs["slurmctld"], "-D"], [programs["slurmd"], "-D", "-N", host]]
        for words in starts:
            log = stack.enter_context((home / f"{Path(words[0]).name}.out").open("w"))
            daemon = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)
            stack.callback(daemon.wait, 30)
            stack.callback(daemon.terminate)
        wait_for_node(programs["sinfo"], environment, home)
        yield environment


def wait_for_node(sinfo: str, environment: dict[str, str], home: Path) -> None:
    """Wait until the node takes jobs."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        words = [sinfo, "--noheader", "--format=%T"]
        if subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(f"{log.name}: {log.read_text()[-600:]}" for log in [*home.glob("*.log"), *home.glob("*.out")])
    pytest.fail(f"no node of SLURM came up\n{logs}")


def statuses(table: Path) -> list[str]:
    """What became of the scans of a table."""
    head, *rows = [line.split("\t") for line in table.read_text().splitlines()]
    return [row[head.index("status")] for row in rows]


def test_an_array_gives_the_bytes_of_one_run_and_passes_over_what_is_done(
    cluster: dict[str, str], tmp_path: Path
) -> None:
    for k in range(2):
        write(small_head(seed=k), tmp_path / "in" / f"scan{k}.nii.gz")
    one = [sys.executable, "-m", "monai_strainer.cli", "restore", str(tmp_path / "in"), str(tmp_path / "one")]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*one, "--scale", "2", "--std", "--quiet"], env=alone, check=True, capture_output=True)
    log = f"--output={tmp_path}/task-%a.log"
    submit = ["sbatch", "--wait", "--array=1-2", "--cpus-per-task=1", "--mem=2G", log, str(SCRIPT)]
    for wanted in ("done", "skipped"):
        done = subprocess.run([*submit, str(tmp_path / "in"), str(tmp_path / "out")], env=cluster, check=False)
        assert done.returncode == 0, "\n".join(file.read_text() for file in tmp_path.glob("task-*.log"))
        tables = [tmp_path / "out" / f"summary-{k}-of-2.tsv" for k in (1, 2)]
        assert [statuses(table) for table in tables] == [[wanted], [wanted]]
    images = [{f.name: f.read_bytes() for f in (tmp_path / name).glob("[!.]*.nii.gz")} for name in ("one", "out")]
    assert len(images[0]) == 4 and images[0] == images[1]
