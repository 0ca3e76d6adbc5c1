"""Dense nets in several subspaces trained at once: each product of matrices one for all."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.kept import learned_key
from mdlcode.learn.nets.predictor import NetPredictor, new_net
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.subspace.learner import SubspaceLearner
from mdlcode.learn.subspace.net import SubspaceNet
from mdlcode.nets.arch import Arch
from mdlcode.nets.held import call_with
from mdlcode.typing import IntArray

_DENSE = (nn.Sequential, nn.Flatten, nn.Linear, nn.ReLU, nn.GELU, nn.Tanh, nn.Identity)


def can_stack(arch: Arch, shared: Shared) -> bool:
    """Whether a net is of linear layers and activations alone: convolutions are slower stacked than one by one."""
    return all(isinstance(layer, _DENSE) for layer in new_net(arch, shared, 0, "fp32")[0].modules())


def fit_seeds(learner: SubspaceLearner, seeds: int, shared: Shared, labels: IntArray) -> list[NetPredictor]:
    """The nets that `learner` makes of seed, seed + 1, ...: each in its own subspace, on the first one's batches.

    What is minimised is the price and the sum of the nets' mean cross-entropies; no net's gradient knows of the others.
    Raises MdlError for a net with other layers than dense ones, and for real-valued targets.
    """
    if shared.bins is not None or not can_stack(learner.arch, shared):
        raise MdlError(f"net '{learner.arch}' is not stacked: only dense nets for classes are")
    learners = [replace(learner, seed=learner.seed + index) for index in range(seeds)]
    learned = [each.initial(shared) for each in learners]
    moving = [each.net for each in learned if isinstance(each.net, SubspaceNet)]
    parameters = [value for net in moving for value in net.parameters()]
    optimizer, generator = learner.optimizer.build(parameters), Generator().manual_seed(learner.seed)
    key = learned_key("seeds", learner, shared, labels, seeds)
    checkpoint = Checkpoint(key, [], optimizer, [generator], parameters)
    with reproducible(learner.seed, shared.inputs.device):
        for raw, targets in learner.training.minibatches(optimizer, shared, labels, generator, checkpoint):
            logits = _logits(moving, learned[0].standardised(raw))
            every = targets.repeat(seeds, 1)  # (nets, m)
            losses = F.cross_entropy(logits.flatten(0, 1), every.flatten(), reduction="none").view_as(every)
            price = sum(learner.price(net, len(labels)) for net in moving)
            descend(optimizer, losses.mean(1).sum() + price)
    checkpoint.drop()
    for each, net in zip(learners, learned, strict=True):
        each.finish(net, shared, len(labels))
    return learned


def _logits(moving: list[SubspaceNet], x: Tensor) -> Tensor:
    """Logits (nets, m, K) of inputs (m, ...); of tokens (nets, m T, K)."""
    moved = [net.weights() for net in moving]
    weights = {name: torch.stack([each[name] for each in moved]) for name in moved[0]}
    scales = torch.stack([net.log_scale for net in moving]).exp()
    logits: Tensor = torch.vmap(lambda each: call_with(moving[0].net, each, x).flatten(0, -2))(weights)
    return logits * scales[:, None, None]
