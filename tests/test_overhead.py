"""A training step takes about as long as in a loop that one writes by hand."""

import runpy
from pathlib import Path

STEP = Path(__file__).parent.parent / "benchmarks" / "step.py"
MEASURED = 1.05  # see docs/performance.md


def test_a_step_has_no_more_overhead_than_was_measured() -> None:
    """CPU seconds of the fastest of runs that take turns, so that a busy machine does not matter."""
    least, *_ = runpy.run_path(str(STEP))["overhead"](steps=60, repeats=5)
    assert least < 1.5 * MEASURED
