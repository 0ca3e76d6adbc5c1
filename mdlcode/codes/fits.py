"""What a learner makes of the labels before a block: a pure function, which may run in any process or on any day."""

from contextlib import nullcontext
from dataclasses import dataclass, replace

from torch import Tensor

from mdlcode import finished, parallel
from mdlcode.codes.opinions import MODELS, Opinions, opinions
from mdlcode.data.base import Shared
from mdlcode.learn import Learner, Predictor
from mdlcode.learn.nets.kept import learned_key
from mdlcode.packing import Packing
from mdlcode.parallel import Pending
from mdlcode.typing import IntArray

Block = tuple[int, int]  # the inputs from the first number up to the second


@dataclass(frozen=True, eq=False)
class Fit:
    """What experts say of the next block, and what is to know of them.

    They have said nothing yet in a text, where they need the block's labels, and in a long data set, where they say it
    piece by piece. The experts themselves are there where somebody needs them, if they were trained now.
    """

    opinions: Opinions | None
    notes: tuple[str, ...]
    num_experts: int
    experts: list[Predictor] | None


def fit_and_predict(learner: Learner, shared: Shared, past: IntArray, block: Block, whole: bool) -> Fit:
    """The experts that a learner makes of the past, and their predictions for the block.

    Experts come back if they are needed afterwards, which makes this fit the `whole` of it: always those of a text, and
    of a data set so long that its predictions can't all be held.
    """
    if speaks_later(shared):
        return _of(learner.fit_path(shared, past), None, whole=True)

    def fitted() -> Fit:
        path = learner.fit_path(shared, past)
        return _of(path, opinions(path, shared.inputs[slice(*block)], shared.bins is not None), whole)

    key, steps = _key(learner, shared, past, block), learner.steps(len(past))
    return finished.once(key, fitted, lambda fit: _PACKING.pack(replace(fit, experts=None)), _PACKING.unpack, steps)


def submit(learner: Learner, shared: Shared, past: IntArray, block: Block, whole: bool) -> Pending[Fit]:
    """The pending fit of `fit_and_predict`. One that is kept is read by this process, and goes to no other."""
    here = parallel.using(None) if finished.has(_key(learner, shared, past, block)) else nullcontext()
    with here:
        return parallel.submit(fit_and_predict, learner, shared, past, block, whole)


def speaks_later(shared: Shared) -> bool:
    """Whether experts predict a block as its labels are sent, and not beforehand."""
    return shared.is_text or shared.is_long


class Experts:
    """The experts behind a fit. They are trained again only if they are asked something that was not kept."""

    def __init__(self, learner: Learner, shared: Shared, past: IntArray, fit: Fit) -> None:
        self._learner, self._shared, self._past, self._path = learner, shared, past, fit.experts

    def opinions(self, inputs: Tensor) -> Opinions:
        """What they say of inputs (m, ...)."""
        if self._path is None:
            self._path = self._learner.fit_path(self._shared, self._past)
        return opinions(self._path, inputs, self._shared.bins is not None)


_PACKING = Packing[Fit](Fit, *MODELS)


def _key(learner: Learner, shared: Shared, past: IntArray, block: Block) -> str | None:
    return None if speaks_later(shared) else learned_key("predictions", learner, shared, past, *block)


def _of(path: list[Predictor], said: Opinions | None, whole: bool) -> Fit:
    return Fit(said, tuple(each.note for each in path if each.note), len(path), path if whole else None)
