"""A torch net as a predictor, and its learner: the training loop of the library."""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mdlcode import nets, progress
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import TrainingError
from mdlcode.learn.augment import Augment, NoAugment
from mdlcode.learn.base import Learner, Predictor
from mdlcode.learn.determinism import bf16_is_fast, reproducible
from mdlcode.learn.optimizer import AdamW, Optimizer, rate
from mdlcode.typing import FloatArray, IntArray

_PREDICT_BATCH = 2000
_STEPS_PER_REPORT = 10


class NetPredictor(Predictor):
    """A net in evaluation mode behind the standardisation of its inputs."""

    def __init__(self, net: nn.Module, shared: Shared, bf16: bool) -> None:
        self.net = net
        self.bf16 = bf16
        self._mean, self._deviation = shared.moments
        self._memory = torch.channels_last if shared.inputs.ndim == 4 else torch.contiguous_format

    def logits(self, raw: Tensor) -> Tensor:
        """Float32 logits (m, K) of raw inputs (m, ...)."""
        x = ((raw - self._mean) / self._deviation).contiguous(memory_format=self._memory)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            logits: Tensor = self.net(x)
        return logits.float()

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64: the softmax of the net's logits in evaluation mode."""
        self.net.eval()
        logits = torch.cat([self.logits(chunk.float()) for chunk in inputs.split(_PREDICT_BATCH)])
        probs: FloatArray = logits.double().softmax(1).cpu().numpy()
        return probs


@dataclass(frozen=True, config=STRICT)
class NetLearner(Learner):
    """Trains a net by mini-batches held on the device; a function of seed, inputs and labels.

    It takes `epochs` passes over the labels, but at least `min_steps` and at most `max_steps` steps of
    batches of `batch_size` (or of all labels, where there are fewer). The learning rate warms up over
    the share `warmup` of the steps and decays linearly to zero. `ema_decay` > 0 predicts with an
    exponential average of the weights. `precision` "auto" is bfloat16 autocast for convolutional nets
    where the device has it. `checkpoints` names shares of the training after which the net is kept as
    an expert of its own (`fit_path`).
    """

    kind: Literal["net"] = Field(default="net", kw_only=True)
    arch: str = "auto"
    optimizer: Optimizer = AdamW()
    batch_size: int = Field(default=128, ge=1)
    epochs: float = Field(default=10.0, gt=0)
    min_steps: int = Field(default=150, ge=1)
    max_steps: int = Field(default=100_000, ge=1)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    augment: Augment = NoAugment()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    checkpoints: tuple[float, ...] = ()
    seed: int = Field(default=0, ge=0)

    def steps(self, num_labels: int) -> int:
        """How many steps a training on so many labels takes."""
        wanted = round(self.epochs * num_labels / min(self.batch_size, num_labels))
        return min(max(wanted, self.min_steps), self.max_steps)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The trained net. Raises TrainingError for a loss that is not finite."""
        return self.fit_path(shared, labels)[-1]

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, the same for everybody: what a decoder fills with weights."""
        with reproducible(self.seed, shared.inputs.device):
            net = nets.build(self.arch, shared.shape, shared.num_classes).to(shared.inputs.device)
        if shared.inputs.ndim == 4:
            net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return NetPredictor(net, shared, self._bf16(net, shared.inputs.device))

    def fit_path(self, shared: Shared, labels: IntArray) -> list[NetPredictor]:  # type: ignore[override]
        """The net after each share of the training that `checkpoints` names, and at its end."""
        learned = self.initial(shared)
        with reproducible(self.seed, shared.inputs.device):
            return self._train(learned, shared, labels)

    def _train(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> list[NetPredictor]:
        net, device = learned.net, shared.inputs.device
        targets = torch.from_numpy(labels).to(device)
        steps = self.steps(len(labels))
        generator = torch.Generator().manual_seed(self.seed)
        order = _batches(len(labels), min(self.batch_size, len(labels)), steps, generator).to(device)
        optimizer = self.optimizer.build(net)
        average = None
        if self.ema_decay:
            average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(self.ema_decay), use_buffers=True)
        final = net if average is None else average.module
        stops = {round(share * steps) for share in self.checkpoints} - {0, steps}
        path: list[NetPredictor] = []
        net.train()
        for step, batch in enumerate(order):
            for group in optimizer.param_groups:
                group["lr"] = self.optimizer.lr * rate(step, steps, self.warmup)
            raw = self.augment.apply(shared.inputs[batch].float(), generator)
            loss = F.cross_entropy(learned.logits(raw), targets[batch], label_smoothing=self.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if average is not None:
                average.update_parameters(net)
            if step + 1 in stops:
                path.append(self._frozen(final, shared))
            if (step + 1) % _STEPS_PER_REPORT == 0:
                progress.advance(_STEPS_PER_REPORT)
        progress.advance(steps % _STEPS_PER_REPORT)
        _check_finite(net, len(labels))
        return [*path, NetPredictor(final, shared, learned.bf16)]

    def _frozen(self, net: nn.Module, shared: Shared) -> NetPredictor:
        kept = self.initial(shared)
        kept.net.load_state_dict(net.state_dict())
        return kept

    def _bf16(self, net: nn.Module, device: torch.device) -> bool:
        if self.precision == "auto":
            return any(isinstance(layer, nn.Conv2d) for layer in net.modules()) and bf16_is_fast(device)
        return self.precision == "bf16"


def _batches(count: int, size: int, steps: int, generator: torch.Generator) -> Tensor:
    """Indices (steps, size): one permutation after the other, so that all labels are seen equally often."""
    passes = -(-steps * size // count)
    order = torch.cat([torch.randperm(count, generator=generator) for _ in range(passes)])
    return order[: steps * size].reshape(steps, size)


def _check_finite(net: nn.Module, num_labels: int) -> None:
    # One look at the end instead of one at each step: a NaN or infinity never leaves the weights again.
    if not all(bool(torch.isfinite(value).all()) for value in net.state_dict().values()):
        raise TrainingError(f"training on {num_labels} labels ran to NaN or infinity: lower the learning rate")
