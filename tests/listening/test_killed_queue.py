# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A listener that is killed at any call to the file system: every image that it confirmed comes out, and once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the process is copied and killed by POSIX means")

# Every life is a copy of one process; it dies at its call number k to the file system. The sender keeps what was not
# confirmed and sends it again, as scanners do. What the archive of the test gets lies in a folder of its own.
LIVES = """
import os, shutil, signal, sys
from pathlib import Path
sys.path[:0] = ["tests", "tests/listening"]
from test_series_queue import SLICES, Machine
SLICES = SLICES[:3]

home = Path(sys.argv[1])

def life():
    machine = Machine(home / "machine")
    confirmed, archive = home / "confirmed", home / "archive"
    for k, data in enumerate(SLICES):
        if not (confirmed / str(k)).exists():
            machine.store(data)
            (confirmed / str(k)).touch()
    machine._deliver_true = machine.sender._deliver
    def deliver(files):
        for file, status in machine._deliver_true(files):
            (archive / file.name).write_bytes(file.read_bytes())
            yield file, status
    machine.sender._deliver = deliver
    machine.work()
    machine.work()

def live(left):
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    for name in ("replace", "fsync", "unlink", "mkdir", "rename", "rmdir"):
        def call(*args, name=name, true=getattr(os, name), **options):
            global left_now
            left_now -= 1
            if left_now < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return None if name == "fsync" else true(*args, **options)  # the disk outlives a killed process
        setattr(os, name, call)
    global left_now
    left_now = left
    try:
        life()
    except BaseException as error:
        import traceback; traceback.print_exc()
        os._exit(1)
    os._exit(0)

deaths, k = 0, 18  # the first calls make folders
while True:
    shutil.rmtree(home, ignore_errors=True)
    for name in ("confirmed", "archive"):
        (home / name).mkdir(parents=True)
    code = live(k)
    assert code in (0, -signal.SIGKILL), code
    if k % 3 == 0:
        live(k % 7)  # it may be killed again on the way up
    assert live(10**6) == 0, k
    got = sorted(file.read_bytes() for file in (home / "archive").iterdir())
    assert got == sorted(b"restored " + data for data in SLICES), (k, len(got))
    places = {name: os.listdir(home / "machine" / name) for name in ("quarantine", "done")}
    work = ("collecting", "waiting", "outgoing", "leaving")
    places |= {name: os.listdir(home / "machine" / "queue" / name) for name in work}
    assert not places["quarantine"] and len(places["done"]) == 1, (k, places)
    assert not any(places[name] for name in work), (k, places)
    if code == 0:
        break
    deaths, k = deaths + 1, k + 1
print(deaths, "deaths")
"""


def test_whatever_call_is_the_last_one_nothing_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIVES, str(tmp_path / "home")]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert done.returncode == 0 and int(done.stdout.split()[0]) > 20, done.stdout + done.stderr
