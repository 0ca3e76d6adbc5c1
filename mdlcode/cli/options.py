"""The options that several commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdlcode.cli.show import working
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.experiments import Experiment

DataName = Annotated[
    str, typer.Argument(help="A data set by name (see `list data`), a .npz file or a folder of images.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="YAML file with the same names as the options.")]
Arch = Annotated[
    str | None,
    typer.Option(help="Net by name (see `list nets`) or package.module:factory; several pay for the choice."),
]
Seed = Annotated[int | None, typer.Option(help="Added to every seed of the codes.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
Limit = Annotated[int | None, typer.Option(help="Use only so many examples.")]
LabelNoise = Annotated[float | None, typer.Option(help="Fraction of labels redrawn uniformly.")]
ShufflePixels = Annotated[
    bool | None, typer.Option("--shuffle-pixels", help="One fixed permutation of every input's values.")
]
OrderSeed = Annotated[int | None, typer.Option(help="Seed of the order in which labels are sent.")]
Threads = Annotated[
    int | None, typer.Option(help="Threads of torch in each process; decoding needs the encoder's.", min=1)
]
Workers = Annotated[int, typer.Option(help="Processes that train side by side.", min=1)]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
CodeName = Annotated[str, typer.Option("--code", help="A code by name (see `list codes`).")]


def read_file(path: Path, what: str) -> bytes:
    """All bytes of a file; raises MdlError where it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MdlError(f"{what} {path} can't be read: {error.strerror}") from None


def experiment(config: Path | None, **options: Any) -> "Experiment":
    """The checked experiment of a config file and options."""
    from mdlcode.experiments import read_experiment

    return read_experiment(config, options)


def codes(config: Path | None, code: str | None, **options: Any) -> "Experiment":
    """An experiment with the codes of a file, or one: `--code` names a preset or, first, one of the file's."""
    chosen = experiment(config, codes=None if config else code, **options)
    named = tuple(each for each in chosen.codes if each[0] == code)
    if code and config:
        chosen = replace(chosen, codes=named) if named else experiment(config, codes=code, **options)
    if not chosen.codes:
        raise MdlError(f"config {config} names no code: give it `codes:`, or name one with --code")
    return chosen


def single_code(config: Path | None, code: str | None, **options: Any) -> "Experiment":
    """As `codes`, with exactly one."""
    chosen = codes(config, code, **options) if config or code else experiment(None, **options)
    if len(chosen.codes) != 1:
        raise MdlError(f"one code is needed, not {len(chosen.codes)}: name it with --code")
    return chosen


@contextmanager
def computing(threads: int | None, workers: int) -> Iterator[None]:
    """Progress on the screen, and work on so many processes of so many threads."""
    import torch

    from mdlcode import parallel

    share = max(1, torch.get_num_threads() // workers)  # what OMP_NUM_THREADS allows, else all cores
    torch.set_num_threads(threads or share)
    with working(), parallel.processes(workers, threads or share) as pool, parallel.using(pool):
        yield
