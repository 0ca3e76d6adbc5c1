"""The options that several commands share, and how they are read together with a config."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from mdlcode.cli.show import err
from mdlcode.engines import HERE, Place
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.experiments.tasks import Task

    T = TypeVar("T", bound=Task)

DataName = Annotated[
    str,
    typer.Argument(
        help="A data set by name (see `list data`), a .npz, CSV, Parquet or .txt file, or a folder of images."
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file with the same names as the options. Your own: what it names is imported."),
]
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
OrderSeed = Annotated[
    str | None, typer.Option(help="Seed of the order in which labels are sent; 'none' keeps the stored order.")
]
Binary = Annotated[
    bool | None, typer.Option("--binary", help="Ask only whether a label is in the upper half of the classes.")
]
Mean = Annotated[
    str | None, typer.Option(help="Mean of each channel, with commas, pixels in 0..1; the inputs' own by default.")
]
Std = Annotated[str | None, typer.Option(help="Standard deviation likewise; the two go together.")]
Standardise = Annotated[
    str | None, typer.Option(help="per-feature, per-channel or none; by the inputs' shape by default.")
]
Target = Annotated[str | None, typer.Option(help="The column of a table that holds the labels.")]
Test = Annotated[str | None, typer.Option(help="A data set like DATA whose examples are the test set.")]
ClassNames = Annotated[
    str | None, typer.Option("--classes", help="All classes, with commas; those seen in the labels by default.")
]
NumClasses = Annotated[int | None, typer.Option(help="Number of classes, where labels are 0, 1, 2, ...")]
Resize = Annotated[str | None, typer.Option(help="HEIGHTxWIDTH in pixels that all images of a folder are brought to.")]
Length = Annotated[int | None, typer.Option(help="Characters of each sequence that a .txt is cut into; 64 by default.")]
Precision = Annotated[
    float | None, typer.Option(help="Of targets that are real numbers: the step between values that are told apart.")
]
Range = Annotated[str | None, typer.Option(help="LOWEST,HIGHEST value that such targets can have.")]
Threads = Annotated[
    int | None, typer.Option(help="Threads of torch in each process, 1 by default; as many as the encoder had.", min=1)
]
Workers = Annotated[
    int | None, typer.Option(help="Processes that train side by side; by default one a core, on a GPU 1.", min=1)
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        help="Who trains, in place of --workers: processes:N, ray[:N or :ADDRESS], dask[:N or :ADDRESS], slurm:FILE.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        help="Folder of finished work, which is not done again; MDLCODE_CACHE or the user's cache by default."
    ),
]
NoCache = Annotated[
    bool | None, typer.Option("--no-cache", help="Do everything anew, and leave nothing behind but the results.")
]
MaxSteps = Annotated[
    int | None, typer.Option(help="Refuse work of more steps than this: 100,000,000 by default.", min=1)
]
MaxMemory = Annotated[
    float | None, typer.Option(help="Refuse what takes more GiB than this: 16 by default, or what the machine has.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
Candidates = typer.Option(help="Among how many settings these were chosen by looking at labels; bounds pay log2 of it.")
CodeName = Annotated[
    str | None,
    typer.Option("--code", help="A code by name: one of the config, else see `list codes`, or package.module:Class."),
]
CodeNames = Annotated[
    str | None,
    typer.Option(
        "--codes", help="Codes by name, with commas: of the config, see `list codes`, or package.module:Class; all."
    ),
]
WeightCodes = Annotated[
    str | None,
    typer.Option(
        help="How --weights are sent: as-trained, k-means, grid, float16 or float32. `bound` tries all by default, and"
        " pays; `compress` takes as-trained where it can, else k-means."
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option("--trust", help="A package.module:name that the file may import and so run; may be repeated."),
]


@dataclass(frozen=True)
class View:
    """Options of every command that computes: how the data are seen, which net, which seed, and where.

    What was not given is None: then the config has a say, and after it the default.
    """

    data: DataName
    config: ConfigFile = None
    arch: Arch = None
    seed: Seed = None
    device: Device = None
    limit: Limit = None
    label_noise: LabelNoise = None
    shuffle_pixels: ShufflePixels = None
    order_seed: OrderSeed = None
    binary: Binary = None
    mean: Mean = None
    std: Std = None
    standardise: Standardise = None
    target: Target = None
    test: Test = None
    classes: ClassNames = None
    num_classes: NumClasses = None
    resize: Resize = None
    length: Length = None
    threads: Threads = None
    workers: Workers = None
    executor: ExecutorName = None
    cache: Cache = None
    no_cache: NoCache = None
    max_steps: MaxSteps = None
    max_memory: MaxMemory = None


@dataclass(frozen=True)
class Coded(View):
    """The same, for codes, which take real-valued targets too."""

    precision: Precision = None
    range: Range = None


@dataclass(frozen=True)
class OneCode(Coded):
    """The same, and one code."""

    codes: CodeName = None


def taken(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each field of its argument `given`, a dataclass of options, as an option of its own."""
    kind = get_type_hints(command)["given"]
    hints = get_type_hints(kind, include_extras=True)

    @wraps(command)
    def run(**arguments: Any) -> None:
        command(given=kind(**{name: arguments.pop(name) for name in hints}), **arguments)

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [each.replace(kind=keyword) for each in inspect.signature(command, eval_str=True).parameters.values()]
    options = [
        inspect.Parameter(
            each.name,
            keyword,
            default=inspect.Parameter.empty if each.default is dataclasses.MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in dataclasses.fields(kind)
    ]
    parameters = [*options, *(each for each in own if each.name != "given")]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def read(kind: "type[T]", given: View, codes: str = "") -> "T":
    """The checked task of a config and the options, which override it, as is said; without either `codes`.

    Raises MdlError with one line for keys that are unknown or mean nothing to the command at hand, and for
    values out of range.
    """
    from mdlcode import finished, limits
    from mdlcode.experiments import tasks

    config = {} if given.config is None else tasks.read_config(given.config)
    _refuse_idle(config, kind, given.config)
    asked = {each.name: getattr(given, each.name) for each in dataclasses.fields(given) if each.name != "config"}
    asked = {name: value for name, value in asked.items() if value is not None}
    if "codes" in asked:
        asked["codes"] = tasks.picked(asked["codes"], config.get("codes"))
    tasks.checked(kind, asked, "options")
    for name, other in (("executor", "workers"), ("workers", "executor")):
        if name in asked and other in config:  # two words for one thing
            _say(f"{option(name)} {asked[name]} overrides {other}: {config.pop(other)} of {given.config}")
    default = {"codes": codes} if codes else {}
    task = tasks.checked(kind, default | config | asked, given.config)
    limits.allow(task.max_steps, task.max_memory)
    finished.choose(task.cache, task.no_cache)
    if replaced := sorted(asked.keys() & config.keys()):
        plain = tasks.checked(kind, config, given.config)
        for name in replaced:
            before, now = getattr(plain, name), getattr(task, name)
            if name == "codes" and not all(each in before for each in now):
                _say(f"{getattr(given, name)} overrides the codes of {given.config}")
            elif name != "codes" and before != now:
                typed = "" if name == "data" else f"{option(name)} "
                _say(f"{typed}{asked[name]} overrides {name}: {config[name]} of {given.config}")
    return task


def option(name: str) -> str:
    """How a person types the name of a setting: the --option."""
    return f"--{name.replace('_', '-')}"


def _refuse_idle(config: dict[str, Any], kind: "type[Task]", path: Path | None) -> None:
    """Raises MdlError for a key that other commands know, and this one has no use for."""
    from mdlcode.experiments.tasks import TASKS

    known, mine = ({each.name for task in tasks for each in dataclasses.fields(task)} for tasks in (TASKS, (kind,)))
    if idle := [key for key in config if key in known - mine]:
        raise MdlError(f"{path}: '{idle[0]}' means nothing to this command: leave it out of the config")


def _say(line: str) -> None:
    err.print(line, markup=False, highlight=False)


def read_file(path: Path, what: str) -> bytes:
    """All bytes of a file; raises MdlError where it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MdlError(f"{what} {path} can't be read: {error.strerror}") from None


@contextmanager
def computing(threads: int | None, place: Place = HERE) -> Iterator[None]:
    """Progress on the screen, and work at that place, by workers of so many threads.

    By default one thread, whatever the machine, as the bits of a training depend on it.
    """
    import torch

    from mdlcode import engines, parallel, progress

    torch.set_num_threads(threads or 1)
    with progress.shown(), engines.opened(place) as executor, parallel.using(executor):
        yield
