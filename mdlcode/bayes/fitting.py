"""One run of variational inference: a net's random part, the batches it sees, and the steps of Adam."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from mdlcode.bayes import svi
from mdlcode.bayes.models import PriorModel
from mdlcode.bayes.posterior import Layout
from mdlcode.bayes.refinement import Rates
from mdlcode.data.base import Shared
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.steps import Steps, descend
from mdlcode.typing import IntArray

_AT_ONCE = 1000
_CHECK_EVERY = 100  # steps between looks for NaN: each look waits for the device
MakeGuide = Callable[[svi.Model], nn.Module]


@dataclass(frozen=True)
class Fitting:
    """What is fitted: the random weights `layout` of a net, to labels (n,). Under `key` it is kept on its way."""

    learned: NetPredictor
    layout: Layout
    shared: Shared
    labels: IntArray
    estimator: Literal["local", "flipout", "mixed", "one-draw"]
    seed: int
    key: str | None

    def run(
        self,
        prior: PriorModel,
        make_guide: MakeGuide,
        training: Steps,
        rates: Rates,
        kl_weight: Callable[[float], float],
        watch: Callable[[int, nn.Module], None],
    ) -> nn.Module:
        """The guide after the steps of a training at Adam's rates.

        `kl_weight` is that of the KL where a share of the steps is done; `watch` is told each step and the guide.
        """
        device, count = self.shared.inputs.device, len(self.labels)
        known, targets = self.shared.known(self.labels)
        order = training.batches(count, len(known), Generator().manual_seed(self.seed)).to(device)
        with reproducible(self.seed, device), svi.isolated():
            tail, inputs = behind_fixed_layers(self.learned, known)
            estimator = svi.ESTIMATORS[self.estimator](tail, self.layout, self.learned.bf16, self.seed)
            model = svi.Model(prior, estimator.logits, count, self.learned.head)

            def batch(indices: Tensor) -> tuple[Tensor, Tensor]:
                return inputs(indices), targets[indices]

            guide = make_guide(model)
            guide(*batch(order[0]), 1.0)  # Pyro's own guides get their parameters at the first call
            elbo, optimizer = svi.Elbo(model, guide, estimator, count), _adam(guide, prior, rates)
            modules = nn.ModuleList([guide, prior])
            kept = svi.LastGood(modules)
            moving = [*self.learned.net.buffers(), *estimator.moving, *kept.moving]
            checkpoint = Checkpoint(self.key, [modules], optimizer, [estimator.generator], moving)
            for step, indices in training.paced(optimizer, order, checkpoint):
                loss = elbo(*batch(indices), kl_weight(step / len(order)))
                descend(optimizer, loss)
                kept.note(loss)
                look = (step + 1) % _CHECK_EVERY == 0 or step + 1 == len(order)
                if look and kept.fails(step + 1):
                    break
                watch(step + 1, guide)
            checkpoint.drop()
            return guide


def _adam(guide: nn.Module, prior: nn.Module, rates: Rates) -> torch.optim.Optimizer:
    named = [*guide.named_parameters(), *prior.named_parameters()]  # both have a log_scale
    trained = [(name, value) for name, value in named if value.requires_grad]
    scales = [value for name, value in trained if "scale" in name]
    others = [value for name, value in trained if "scale" not in name]
    return torch.optim.Adam([{"params": others, "lr": rates.lr}, {"params": scales, "lr": rates.sd_lr}], fused=True)


def behind_fixed_layers(learned: NetPredictor, raw: Tensor) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """The part of a sequential net from its first random weight on, and what a batch of the raw inputs is for it.

    The layers before give every draw the same, so they run once, for all inputs.
    """
    net = learned.net

    def standardised(indices: Tensor | slice) -> Tensor:
        return learned.standardised(raw[indices].float())

    if not isinstance(net, nn.Sequential):
        return net, standardised
    fixed = [not any(each.requires_grad for each in layer.parameters()) for layer in net].index(False)
    if not any(True for _ in net[:fixed].parameters()):
        return net, standardised  # nothing that takes time
    starts = range(0, len(raw), _AT_ONCE)
    with torch.no_grad(), torch.autocast(raw.device.type, torch.bfloat16, enabled=learned.bf16):
        chunks = [net[:fixed](standardised(slice(start, start + _AT_ONCE))) for start in starts]
    seen = torch.cat([chunk.bfloat16() if learned.bf16 else chunk for chunk in chunks])
    return net[fixed:], lambda indices: seen[indices]
