"""Many dense nets in subspaces of their own, trained at once."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import functional_call

from mdlcode import progress
from mdlcode.data.base import Shared
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.optimizer import lr_share
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.stacked import STACKABLE
from mdlcode.learn.nets.training import batches
from mdlcode.learn.subspace.learner import SubspaceLearner
from mdlcode.learn.subspace.net import SubspaceNet
from mdlcode.typing import IntArray


def can_train_together(learner: SubspaceLearner, shared: Shared) -> bool:
    """Whether the net is of dense layers alone: convolutions are slower stacked than one by one."""
    net = learner.initial(shared).net
    assert isinstance(net, SubspaceNet)
    return all(isinstance(layer, STACKABLE) for layer in net.net.modules())


def fit_together(learners: Sequence[SubspaceLearner], shared: Shared, labels: IntArray) -> list[NetPredictor]:
    """The predictors of learners that differ in seed and dimension alone, trained on the same batches.

    Each step projects every learner's coordinates and takes one product of matrices for all nets; real
    coordinates and the plain loss are what an intrinsic dimension is measured with.
    """
    first, device = learners[0], shared.inputs.device
    learned = [learner.initial(shared) for learner in learners]
    nets = [each.net for each in learned]
    targets = torch.from_numpy(labels).to(device)
    steps, size = first.steps(len(labels)), min(first.batch_size, len(labels))
    order = batches(len(labels), size, steps, Generator().manual_seed(first.seed)).to(device)
    optimizer = first.optimizer.build(value for net in nets for value in net.parameters())
    mean, std = shared.moments
    with reproducible(first.seed, device):
        for step, batch in enumerate(order):
            for group in optimizer.param_groups:
                group["lr"] = first.optimizer.lr * lr_share(step, steps, first.warmup)
            logits = stacked_logits(nets, (shared.inputs[batch].float() - mean) / std)  # (nets, m, K)
            loss = F.cross_entropy(logits.flatten(0, 1), targets[batch].repeat(len(nets)))
            optimizer.zero_grad()
            (len(nets) * loss).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    progress.advance(steps * len(nets))
    return learned


def stacked_logits(nets: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Logits (nets, m, K) of inputs (m, ...) under nets of one architecture in subspaces of their own."""
    assert all(isinstance(net, SubspaceNet) for net in nets)
    moved = [net.weights() for net in nets if isinstance(net, SubspaceNet)]
    weights = {name: torch.stack([each[name] for each in moved]) for name in moved[0]}
    template = nets[0].get_submodule("net")
    logits: Tensor = torch.vmap(lambda each: functional_call(template, each, (x,)))(weights)
    return logits
