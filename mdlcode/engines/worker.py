"""What a worker does with a task, on whatever machine it is. Nothing here starts torch before its threads are set."""

import os
import sys
import threading
from collections.abc import Sequence

from mdlcode.engines.task import Task

# What torch does, it does for the whole process: its random numbers, its threads. One task at a time.
_ALONE = threading.Lock()


def run(task: Task, *blobs: Sequence[int]) -> bytes:
    """The outcome of a task as bytes; `blobs` are those of its residents, of which this process may hold some."""
    with _ALONE:
        os.environ |= task.variables
        sys.path += [each for each in task.paths if each not in sys.path]
        from mdlcode.engines.packing import done

        return done(task, blobs)
