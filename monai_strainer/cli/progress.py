# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Show the progress of long work: a bar on a terminal, elsewhere lines with the time that is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .messages import duration, is_terminal, log

__all__ = ["Progress", "bar_of", "watched"]

Options = Any  # an argparse.Namespace; only the command line knows argparse
EVERY, FRACTION = 30.0, 0.05  # seconds between two lines, and of long work this fraction of it
WORTH = 20.0  # seconds: shorter work is not announced


class Progress:
    """The progress of one piece of work.

    The first call of ``move`` begins the measurement: what the first step takes besides is not counted. After two more
    steps the time that is left is known, and is said once; then from time to time. A smaller count or another total
    begins a new part of the work, with a measurement of its own.

    Args:
        title: what is done, in words.
        unit: what is counted, in the singular.
        quiet: show nothing.
        clock: gives the time in seconds.
        lines: say from time to time how much is left, where there is no bar.
    """

    def __init__(
        self,
        title: str,
        unit: str,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
        lines: bool = True,
    ) -> None:
        from tqdm import tqdm

        self.bar = tqdm(desc=title, unit=unit, disable=quiet or not is_terminal(), leave=False)
        self.title, self.unit, self.clock, self.lines = title, unit, clock, lines
        self.began = clock()
        self.first: tuple[int, float] | None = None
        self.seen = (0, 0)  # steps done and their total in the last call
        self.next, self.every = math.inf, EVERY
        self.note = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()
        seconds = self.clock() - self.began
        if self.lines and error[0] is None and self.first is not None and seconds > WORTH:
            log.info("%s: done in %s", self.title, duration(seconds))

    def move(self, done: int, total: int) -> None:
        """Update the bar, and log the time that is left where there is no terminal.

        Args:
            done: steps that are done.
            total: steps there are.
        """
        now = self.clock()
        if done < self.seen[0] or self.seen[1] not in (0, total):  # another part, which counts something else
            self.bar.reset()
            self.first, self.next = None, math.inf
        self.bar.total = total
        self.bar.update(done - self.bar.n)
        self.seen = (done, total)
        if self.first is None:
            self.first = (done, now)
            return
        before, start = self.first
        if done <= before or done >= total or not self.lines:
            return
        left = (now - start) / (done - before) * (total - done)
        if self.next == math.inf and done >= before + 2:
            self.every = max(EVERY, FRACTION * left)
            self.next = now + self.every
            if left > WORTH:
                log.info("%s: about %s on this machine", self.title, duration(left))
        elif now >= self.next:
            self.next = now + self.every
            note = f", {self.note}" if self.note else ""
            log.info("%s: %s %d of %d%s, %s left", self.title, self.unit, done, total, note, duration(left))

    def remark(self, text: str) -> None:
        """Say something beside the count, such as a loss."""
        self.note = text
        self.bar.set_postfix_str(text, refresh=False)


def bar_of(args: Options, text: str, unit: str) -> tuple[Progress, Callable[[int, int], None]]:
    """Return the progress of a piece of work, to be closed, and the callback that moves it.

    Args:
        args: of the command line; ``quiet`` shows nothing.
        text: what is done.
        unit: of the steps, such as ``"slice"``.
    """
    progress = Progress(text, unit, args.quiet)
    return progress, progress.move


def watched(args: Options, board: Any = None) -> Callable[[str, int], Any]:
    """Return a function that shows the progress of each training phase.

    Args:
        args: of the command line.
        board: TensorBoard writer that gets the PSNR of pretraining; None writes no curve.

    Returns:
        a context manager of a phase's title and steps; it yields a callback of step and loss.
    """

    @contextmanager
    def watch(title: str, steps: int) -> Iterator[Callable[[int, float], None]]:
        progress, move = bar_of(args, title, "scan" if title == "reading" else "step")

        def on_step(step: int, loss: float) -> None:
            if title == "pretraining":
                psnr = -10 * math.log10(max(loss, 1e-12) / 4)  # [-1, 1] has four times the power of [0, 1]
                progress.remark(f"{psnr:.1f} dB")
                if board is not None:
                    board.add_scalar("psnr", psnr, step)
            elif loss:
                progress.remark(f"loss {loss:.4f}")
            move(step + 1, steps)

        with progress:
            yield on_step

    return watch
