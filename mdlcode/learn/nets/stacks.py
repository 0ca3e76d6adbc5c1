"""Small nets that are alike but for their seeds, trained as one stack.

What a net of a stack becomes depends in its last bits on how many share the stack. So that is part of a learner's
definition, and both sides train the same stacks: what one side alone could stack, such as the blocks of a prequential
code or candidates of which the other side trains one, is trained by itself.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils.flop_counter import FlopCounterMode

from mdlcode import finished, progress
from mdlcode.data.base import Shared
from mdlcode.learn.nets.augment import NoAugment
from mdlcode.learn.nets.average import RunningAverage
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.kept import learned_key, remade, tensors_of
from mdlcode.learn.nets.optimizer import AdamW, Sgd
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.nets.training import NetLearner
from mdlcode.nets.stacked import Stacked, stackable
from mdlcode.typing import IntArray

NETS_AT_ONCE = 16  # more of them are hardly faster
# Read off `benchmarks/stacked.py`. Above these the products take longer than what is around them, and the weights of a
# stack, their gradients and moments no longer lie in the cache.
MOST_STEP_FLOPS = 12_000_000  # of a batch's forward pass
MOST_PARAMETERS = 100_000


def is_stacked(learner: NetLearner, shared: Shared, num_labels: int) -> bool:
    """Whether several such nets train on so many labels as one stack: small ones, by their weights and operations.

    They are of `stackable` layers, for one label an input, without unlabelled inputs, and their optimizer moves each
    weight by itself.
    """
    regularisation = learner.regularisation
    if learner.compiled or shared.sequences is not None or not isinstance(learner.optimizer, AdamW | Sgd):
        return False
    if regularisation.unlabelled is not None or (shared.bins is not None and regularisation.label_smoothing):
        return False
    first = learner.initial(shared)
    if not stackable(first.net) or sum(each.numel() for each in first.net.parameters()) > MOST_PARAMETERS:
        return False
    return step_flops(learner, shared, num_labels) <= MOST_STEP_FLOPS


@torch.no_grad()
def step_flops(learner: NetLearner, shared: Shared, num_labels: int) -> int:
    """Floating-point operations of the forward pass of a batch, a product and a sum as two."""
    first = learner.initial(shared)
    first.net.eval()
    with FlopCounterMode(display=False) as counter:
        first.logits(shared.inputs[:1].float())
    return learner.training.size(num_labels) * int(counter.get_total_flops())


def stacked_paths(
    learners: Sequence[NetLearner], shared: Shared, labels: IntArray, checkpoints: tuple[float, ...] = ()
) -> list[list[NetPredictor]]:
    """What `NetLearner.path` gives for each of some learners that differ in their seeds alone, but for rounding."""
    stops = learners[0].stops(len(labels), checkpoints)
    key = learned_key("stack", learners, shared, labels, *stops)
    found = finished.find(key)
    if found is None:
        found = _trained(learners, shared, labels, stops)
        finished.keep(key, found)
    else:
        progress.advance(len(learners) * stops[-1])
    return [
        [remade(learner, shared, {name: each[index] for name, each in stop.items()}) for stop in found]
        for index, learner in enumerate(learners)
    ]


def _trained(
    learners: Sequence[NetLearner], shared: Shared, labels: IntArray, stops: Sequence[int]
) -> list[dict[str, Tensor]]:
    """The tensors (nets, ...) of all nets after so many steps: each has the batches and draws of its own seed."""
    learned, first = [each.initial(shared) for each in learners], learners[0]
    stacked, ema_decay = Stacked.of([each.net for each in learned]).train(), first.prediction.ema_decay
    average = RunningAverage(stacked.net, ema_decay) if ema_decay else None
    optimizer = first.optimizer.build(stacked.parameters())
    generators = [Generator().manual_seed(each.seed) for each in learners]
    checkpoint = Checkpoint(
        learned_key("stacked training", learners, shared, labels, *stops),
        [stacked],
        optimizer,
        generators,
        () if average is None else average.moving,
    )
    inputs, targets = shared.known(labels)
    mean, std = shared.moments
    orders = [first.training.batches(len(labels), len(inputs), each) for each in generators]
    order = torch.stack(orders, dim=1).to(inputs.device)  # (steps, nets, m)
    with reproducible(first.seed, inputs.device):
        for _, batch in first.training.paced(optimizer, order, checkpoint, trainings=len(learners)):
            raw = inputs.index_select(0, batch.flatten()).unflatten(0, batch.shape).float()  # faster than [batch]
            x = (_changed(first, raw, generators) - mean) / std
            with torch.autocast(x.device.type, torch.bfloat16, enabled=learned[0].bf16):
                logits = stacked(x).float()
            descend(optimizer, _losses(first, learned[0], logits, targets[batch]).sum())
            if average is not None:
                average.update(stacked.net)
            if checkpoint.step + 1 in stops:
                checkpoint.past.append(tensors_of(stacked.net if average is None else average.net))
    checkpoint.drop()
    return checkpoint.past


def _changed(learner: NetLearner, raw: Tensor, generators: Sequence[Generator]) -> Tensor:
    """Raw inputs (nets, m, ...), augmented by the draws of each net."""
    augment = learner.regularisation.augment
    if isinstance(augment, NoAugment):
        return raw
    return torch.stack([augment.apply(own, each) for own, each in zip(raw, generators, strict=True)])


def _losses(learner: NetLearner, learned: NetPredictor, logits: Tensor, targets: Tensor) -> Tensor:
    """What each net minimises, (nets,), from outputs (nets, m, K) and targets (nets, m)."""
    rows, wanted = logits.flatten(0, 1), targets.flatten()
    if learned.head is not None:
        each = learned.head.nats(rows, wanted)
    else:
        smoothing = learner.regularisation.label_smoothing
        each = F.cross_entropy(rows, wanted, reduction="none", label_smoothing=smoothing)
    return each.view_as(targets).mean(dim=1)  # no net's gradient knows of the others
