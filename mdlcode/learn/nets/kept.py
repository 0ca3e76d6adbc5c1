"""Trained nets as finished work: what is kept of them are their tensors, and from these they are made again."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from mdlcode import finished, progress
from mdlcode.data.base import Shared
from mdlcode.learn.base import Learner
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer
from mdlcode.nets.held import fill, held_tensors
from mdlcode.typing import IntArray


def learned_key(
    work: str, learner: Learner | Sequence[Learner], shared: Shared, labels: IntArray, *read: object
) -> str | None:
    """What work that a learner, or several at once, do on these labels is known by, `read` being what else it reads."""
    if finished.in_use() is None:  # nothing is hashed for nothing
        return None
    about = shared.content, shared.num_classes, finished.digest(labels)
    return finished.key(work, learner, *about, *read, device=shared.inputs.device)


def net_once(
    key: str | None, trainer: NetTrainer, shared: Shared, train: Callable[[], NetPredictor], steps: int
) -> NetPredictor:
    """The net that `train` makes in so many steps, or the one that is kept under this key."""
    if (found := finished.find(key)) is not None:
        progress.advance(steps)
        return remade(trainer, shared, found)
    made = train()
    if key is not None:  # however fast it was: the most of it may have been done before a kill
        finished.keep(key, tensors_of(made.net))
    return made


def tensors_of(net: nn.Module) -> dict[str, Tensor]:
    """Copies of all that a net holds."""
    return {name: each.detach().cpu().clone() for name, each in held_tensors(net).items()}


def remade(trainer: NetTrainer, shared: Shared, tensors: dict[str, Tensor]) -> NetPredictor:
    """A net of that trainer with these tensors."""
    made = trainer.initial(shared)
    fill(made.net, tensors)
    return made
