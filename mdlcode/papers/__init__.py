"""The reproduced papers: each module is configuration, calls and captions, `ITEMS` its tables and figures."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module

import torch

from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.report.reproduction import Reproduction

PAPERS = {"blier-ollivier": "blier_ollivier", "zhou": "zhou", "li": "li", "kuhn": "kuhn", "denis": "denis"}
SCALES = ("smoke", "cpu", "full")


@dataclass(frozen=True)
class Job:
    """What a table or figure is made from: the folder, the scale and the data sets asked for."""

    store: Reproduction
    scale: str
    datasets: tuple[str, ...]
    device: torch.device

    def data(self, name: str, limit: int | None = None, label_noise: float = 0.0) -> Callable[[], Data]:
        """Loads a data set onto the device when it is called."""
        return partial(self._load, name, View(limit=limit, label_noise=label_noise))

    def _load(self, name: str, view: View) -> Data:
        return load(name, view).to(self.device)


Item = Callable[[Job], None]


def items(paper: str) -> Mapping[str, Item]:
    """The tables and figures of a paper by name. Raises MdlError for an unknown paper, with the nearest."""
    found: Mapping[str, Item] = import_module(f"mdlcode.papers.{PAPERS[nearest(paper, PAPERS, 'paper')]}").ITEMS
    return found


def nearest(name: str, names: Iterable[str], what: str) -> str:
    """The name itself; raises MdlError where it is not among `names`, with the one that is nearest.

    >>> nearest("fig1", ["fig1", "fig2"], "figure")
    'fig1'
    """
    known = list(names)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"names: {', '.join(known)}"
        raise MdlError(f"no {what} '{name}': {hint}")
    return name


def sizes(scale: str, smoke: str, cpu: str, full: str) -> str:
    """What a caption says of the scale."""
    return {"smoke": f"Smoke scale: {smoke}", "cpu": f"CPU scale: {cpu}", "full": f"Full scale: {full}"}[scale]
