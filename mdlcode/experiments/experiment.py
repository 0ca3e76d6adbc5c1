"""What a command is asked to do, from a YAML file and its options, in one checked object."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from mdlcode.codes.base import Code, parse_code
from mdlcode.codes.presets import adapted, preset
from mdlcode.config import STRICT, one_line
from mdlcode.data.base import Data
from mdlcode.data.load import load
from mdlcode.data.view import View
from mdlcode.environment import select_device
from mdlcode.errors import MdlError


def _split(value: Any) -> Any:
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
    return str(value.get("name", value.get("kind"))), code


@dataclass(frozen=True, config=STRICT)
class Experiment:
    """Codes to be tried on a data set. Field names are the options of the commands and keys of configs.

    `tried` is the number of settings among which those of the codes were chosen by looking at labels, which
    `chosen_on` names: bounds on these labels pay log2 of it.
    """

    data: str = "digits"
    codes: Annotated[tuple[tuple[str, Code], ...], BeforeValidator(_named_codes)] = ()
    arch: Annotated[tuple[str, ...], BeforeValidator(_split)] = ("auto",)
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    limit: int | None = Field(default=None, ge=1)
    label_noise: float = Field(default=0.0, ge=0, le=1)
    shuffle_pixels: bool = False
    order_seed: int = Field(default=0, ge=0)
    binary: bool = False
    tried: int = Field(default=1, ge=1)
    chosen_on: str = ""

    @property
    def view(self) -> View:
        """The part of the data set that is looked at."""
        return View(self.limit, self.label_noise, self.shuffle_pixels, self.order_seed, self.binary)

    def named_codes(self) -> list[tuple[str, Code]]:
        """The codes by name, with this experiment's nets and seed."""
        return [(name, adapted(code, list(self.arch), self.seed)) for name, code in self.codes]

    def load(self) -> Data:
        """The data set on the device. Raises MdlError as `load` and `select_device` do."""
        device = select_device(self.device)
        return load(self.data, self.view).to(device)


def read_experiment(config: Path | None, options: Mapping[str, Any]) -> Experiment:
    """The experiment of a YAML file, with the options that are not None in place of the file's values.

    Raises MdlError with one line for a file that can't be read, unknown keys and values out of range.
    """
    values = {} if config is None else _read_yaml(config)
    values.update({key: value for key, value in options.items() if value is not None})
    try:
        return Experiment(**values)
    except ValidationError as error:
        raise MdlError(f"{config or 'options'}: {one_line(error)}") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MdlError(f"config {path} can't be read: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise MdlError(f"config {path} must be a mapping of option names to values")
    return {str(key): value for key, value in values.items()}
