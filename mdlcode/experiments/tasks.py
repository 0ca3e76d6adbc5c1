"""What the commands are asked to do, from a YAML file and their options, each in one checked object."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from mdlcode.certify.readout import AnyReadout
from mdlcode.codes.base import Code, parse_code
from mdlcode.codes.presets import adapted, preset, suited
from mdlcode.coding.message import Header, held_to
from mdlcode.config import STRICT, Seed, from_config
from mdlcode.data.base import Data
from mdlcode.data.bins import Bins
from mdlcode.data.load import load
from mdlcode.data.standardise import Rule
from mdlcode.data.view import View
from mdlcode.engines import Place, place_of
from mdlcode.environment import select_device
from mdlcode.errors import MdlError, in_one_line
from mdlcode.limits import require_plain
from mdlcode.measures.dimension_search import DimensionSearch, On
from mdlcode.validation import one_line

T = TypeVar("T", bound="Task")
_MOST_NODES = 10**5


def _split(value: Any) -> Any:
    if isinstance(value, int | float):
        return (value,)
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _named_codes(value: Any) -> Any:
    values = _split(value)
    if not isinstance(values, tuple | list):
        return values
    return tuple((each, preset(each)) if isinstance(each, str) else _named(each) for each in values)


def _named(value: Any) -> Any:
    """A code's own `name`, if it is given one beside its kind, else its kind; and the code."""
    if not isinstance(value, Mapping):
        return value
    code = parse_code({key: each for key, each in value.items() if key != "name"})
    return _name(value), code


def _name(value: Any) -> str:
    return str(value.get("name", value.get("kind"))) if isinstance(value, Mapping) else str(value)


Moments = Annotated[tuple[float, ...] | None, BeforeValidator(_split)]  # one number a channel, pixels in 0 .. 1


def _sides(value: Any) -> Any:
    return tuple(value.lower().split("x")) if isinstance(value, str) else value


def _seed_or_none(value: Any) -> Any:
    return None if value == "none" else value


Range = Annotated[tuple[float, float] | None, BeforeValidator(_split)]  # of real-valued targets
Size = Annotated[tuple[int, int] | None, BeforeValidator(_sides)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


@dataclass(frozen=True, config=STRICT)
class Reading:
    """How both sides read the inputs out of their files: further arguments of `load_shared`."""

    target: str | None = None
    resize: Size = None
    length: int | None = Field(default=None, ge=2)
    bins: Bins | None = None


@dataclass(frozen=True, config=STRICT)
class Source:
    """The data set that a message was made from, as its header says; a schema that those of others are held to."""

    name: str = ""
    view: View = View()
    reading: Reading = Reading()
    classes: tuple[str, ...] = ()


def source_of(header: Header) -> Source:
    """What a message's header says of its data, all at its default where it says nothing.

    Raises MessageError where the header says something else.
    """
    return held_to(Source, header.data or {}, "message")


@dataclass(frozen=True, config=STRICT)
class Task:
    """What every command is told: the data and how they are seen, nets, seed, and where to compute.

    The names of the fields, here and below, are the options of the commands and the keys of configs.
    """

    data: str = "digits"
    arch: Names = ("auto",)
    seed: Seed = 0
    device: str = "auto"
    limit: int | None = Field(default=None, ge=1)
    label_noise: float = Field(default=0.0, ge=0, le=1)
    shuffle_pixels: bool = False
    order_seed: Annotated[Seed | None, BeforeValidator(_seed_or_none)] = 0
    binary: bool = False
    mean: Moments = None
    std: Moments = None
    standardise: Rule = "auto"
    target: str | None = None
    test: str | None = None
    classes: Names = ()
    num_classes: int | None = Field(default=None, ge=1)
    resize: Size = None
    length: int | None = Field(default=None, ge=2)
    threads: int | None = Field(default=None, ge=1, le=2**12)
    workers: int | None = Field(default=None, ge=1, le=2**12)
    executor: str | None = None
    cache: Path | None = None
    no_cache: bool = False
    max_steps: int | None = Field(default=None, ge=1)
    max_memory: float | None = Field(default=None, gt=0)

    def __post_init__(self) -> None:
        _ = self.place  # raises before anything is read

    @property
    def place(self) -> Place:
        """Where trainings are done. Raises MdlError as `place_of` does."""
        return place_of(self.executor, self.workers)

    @property
    def view(self) -> View:
        """What is looked at of the data set. Raises MdlError for a mean without std, and the like."""
        fields = (self.limit, self.label_noise, self.shuffle_pixels, self.order_seed, self.binary)
        return View(*fields, self.mean, self.std, self.standardise)

    @property
    def reading(self) -> Reading:
        """How both sides read the inputs out of their files."""
        return Reading(self.target, self.resize, self.length)

    def load(self) -> Data:
        """The data set on the device. Raises MdlError as `load` and `select_device` do."""
        device = select_device(self.device)
        stated: dict[str, Any] = {"classes": self.classes or None, "num_classes": self.num_classes}
        return load(self.data, self.view, test=self.test, **stated, **vars(self.reading)).to(device)


@dataclass(frozen=True, config=STRICT)
class Experiment(Task):
    """Codes for a data set. Targets that are real numbers have their `precision` and `range` (lowest, highest).

    `candidates` is the number of settings among which those of the codes were chosen by looking at labels, which
    `chosen_on` names: bounds on these labels pay log2 of it.
    """

    codes: Annotated[tuple[tuple[str, Code], ...], BeforeValidator(_named_codes)] = ()
    candidates: int = Field(default=1, ge=1)
    chosen_on: str = ""
    precision: float | None = None
    range: Range = None

    @property
    def bins(self) -> Bins | None:
        """The grid of real-valued targets. Raises MdlError for a precision without range, and as `Bins` does."""
        if (self.precision is None) != (self.range is None):
            raise MdlError("`precision` and `range` go together: give both for targets that are real numbers")
        return None if self.precision is None or self.range is None else Bins(*self.range, self.precision)

    @property
    def reading(self) -> Reading:
        """As of `Task`."""
        return Reading(self.target, self.resize, self.length, self.bins)

    def named_codes(self, real: bool = False) -> list[tuple[str, Code]]:
        """The codes by name, with this experiment's nets and seed; for real-valued targets as they suit these."""
        return [(name, adapted(code, list(self.arch), self.seed)) for name, code in suited(list(self.codes), real)]

    def single_code(self, real: bool = False) -> tuple[str, Code]:
        """The one code by its name. Raises MdlError for none, and for several."""
        if len(self.codes) != 1:
            raise MdlError(f"one code is needed, not {len(self.codes)}: name it with `code`")
        return self.named_codes(real)[0]


@dataclass(frozen=True, config=STRICT)
class Comparison(Experiment):
    """Codes side by side; `bounds` shows the bounds on the test error of the nets that they send, `prove` proves."""

    bounds: bool = False
    prove: bool = False


@dataclass(frozen=True, config=STRICT)
class Planning(Experiment):
    """Codes on paper; a step takes `step_seconds`, or as long as it is measured to."""

    step_seconds: float | None = Field(default=None, gt=0)


@dataclass(frozen=True, config=STRICT)
class Compression(Experiment):
    """A net for a file: one that the code trains, or the one of `weights` and `arch`, sent by `weight_code`."""

    weights: Path | None = None
    weight_code: Names = ()


@dataclass(frozen=True, config=STRICT)
class Bounding(Compression):
    """A bound on the test error: settings of `certify` and its like; all weight codes are tried by default.

    A `readout` is bounded in place of codes: a Gibbs classifier on fixed features.
    """

    readout: AnyReadout | None = None
    prior: float | None = None
    delta: float = 0.05
    mc_draws: int = Field(default=150_000, ge=1)


@dataclass(frozen=True, config=STRICT)
class Dimension(Task):
    """An intrinsic dimension: the settings of its search, and of the trainings that it is made of."""

    share: float = 0.9
    baseline: float | None = None
    accuracy_on: On | None = None
    seeds: int = 3
    epochs: float = 3.0
    lr: float = 0.05
    projection: str = "count-sketch"
    layers: str = "joint"
    start: int = 128
    precision: float = 1.15

    def search(self, data: Data) -> DimensionSearch:
        """The search, on the training labels where there is no test set, or noise on the labels.

        Raises MdlError for settings out of range.
        """
        noisy_or_untested = self.label_noise > 0 or data.test_labels is None
        net = {"arch": ",".join(self.arch), "training": {"epochs": self.epochs}, "seed": self.seed}
        subspace = {
            "optimizer": {"kind": "adamw", "lr": self.lr, "weight_decay": 0.0},
            "projection": {"kind": self.projection},
            "layers": self.layers,
            "coordinates": {"kind": "real"},
        }
        settings = {name: getattr(self, name) for name in ("share", "baseline", "seeds", "start", "precision")}
        settings |= {"accuracy_on": self.accuracy_on or ("train" if noisy_or_untested else "test")}
        settings |= {"kind": "dimension-search", "learner": net | subspace, "direct": net}
        return from_config(settings, DimensionSearch, "measurement")


TASKS: tuple[type[Task], ...] = (Experiment, Comparison, Planning, Compression, Bounding, Dimension)


def read_config(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file. Raises MdlError where it can't be read, or is no mapping."""
    try:
        values = _plain(path.read_text())
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise MdlError(f"config {path} can't be read: {in_one_line(error)}") from None
    if not isinstance(values, dict):
        raise MdlError(f"config {path} must be a mapping of option names to values")
    require_plain(values, f"config {path}")
    return values


def _plain(text: str) -> Any:
    """The values of a YAML text. Raises YAMLError for one whose aliases repeat more than a person would write."""
    loader = yaml.SafeLoader(text)
    try:
        if (root := loader.get_single_node()) is None:
            return None
        if _size(root, {}) > _MOST_NODES:
            raise yaml.YAMLError(f"its aliases (&, *) come to more than {_MOST_NODES:,} values")
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node and all below it are once aliases are written out; infinite where one holds itself."""
    if id(node) not in known:
        known[id(node)] = math.inf  # until it is known: whoever meets it on the way is inside of it
        pairs = node.value if isinstance(node, yaml.SequenceNode | yaml.MappingNode) else []
        inner = [each for pair in pairs for each in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = 1 + sum(_size(each, known) for each in inner)
    return known[id(node)]


def checked(kind: type[T], values: Mapping[str, Any], source: object) -> T:
    """The task that these values describe; raises MdlError with one line for unknown keys and values out of range.

    >>> checked(Experiment, {"codes": "uniform", "mean": 0.5, "std": 0.25}, "options").view.std
    (0.25,)
    """
    try:
        return kind(**values)
    except ValidationError as error:
        raise MdlError(f"{source}: {one_line(error, [each.name for each in fields(kind)])}") from None
    except TypeError as error:  # keys that Python takes for itself
        raise MdlError(f"{source}: {in_one_line(error)}") from None


def picked(names: str, codes: Any) -> Any:
    """The `codes:` of a config that have these names, given with commas; other names stay, as those of presets.

    >>> picked("plain,uniform", [{"name": "plain", "kind": "online"}, "switch"])
    [{'name': 'plain', 'kind': 'online'}, 'uniform']
    """
    values = _split(codes)
    there = {_name(each): each for each in values} if isinstance(values, Sequence) else {}
    return [there.get(name, name) for name in _split(names)]
