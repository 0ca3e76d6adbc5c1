"""Plans held against runs, in CPU seconds: all work, the longest training, and the schedule on two and four workers.

python benchmarks/plan_check.py [--data digits mnist:4000] [--arch mlp] [--within 0.2]

A run does each training in this process and times it, and calibration and mixture as well; what so many workers would
take is that of these times, handed out as the code hands them out. Ends with status 1 where a plan is off by more than
`--within`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import torch

from mdlcode import View, finished, load, parallel, preset
from mdlcode.codes.presets import adapted
from mdlcode.experiments.plan import planned, scheduled


class Timed(Executor):
    """Does all work at once, here, and notes its CPU seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """The future of what is done already."""
        future: Future[Any] = Future()
        begin = time.process_time()
        future.set_result(fn(*args, **kwargs))
        self.seconds.append(time.process_time() - begin)
        return future


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=("digits", "mnist:4000"))
    parser.add_argument("--arch", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--within", type=float, default=0.2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    code, worst = adapted(preset("prequential"), [options.arch], 0), 0.0
    for text in options.data:
        name, _, limit = text.partition(":")
        data = load(name, View(limit=int(limit) if limit else None))
        plan, timed = planned(code, data, clock=time.process_time), Timed()
        begin = time.process_time()
        with parallel.using(timed), finished.using(None):
            code.codelength(data)
        mixing = time.process_time() - begin - sum(timed.seconds)  # and whatever else is done between the trainings
        for what, paper, real in (
            ("all work", sum(plan.seconds) + plan.mixing_seconds, sum(timed.seconds) + mixing),
            ("longest training", max(plan.seconds), max(timed.seconds)),
            *(
                (
                    f"{workers} workers",
                    scheduled(plan.seconds, workers) + plan.mixing_seconds,
                    scheduled(timed.seconds, workers) + mixing,
                )
                for workers in (2, 4)
            ),
        ):
            worst = max(worst, abs(paper / real - 1))
            print(f"{text}, {what}: {paper:.2f} s planned, {real:.2f} s in a run, {100 * (paper / real - 1):+.0f} %")
    if worst > options.within:
        sys.exit(f"a plan is off by {100 * worst:.0f} %")


if __name__ == "__main__":
    main()
