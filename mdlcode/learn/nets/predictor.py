"""A torch net as a predictor, new or averaged along its training."""

from abc import abstractmethod
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn
from torch.func import functional_call

from mdlcode import nets
from mdlcode.coding.binned import Binned, Mixed
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.config import STRICT, Settings
from mdlcode.data.base import Described, Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import Learner, Predictor
from mdlcode.learn.families import DensityHead, Family, Normal
from mdlcode.learn.nets.augment import Affine, Crop, Mirror
from mdlcode.learn.nets.determinism import bf16_is_fast, reproducible, seeded
from mdlcode.memory import keep_freed_memory
from mdlcode.nets.arch import Arch
from mdlcode.nets.convolutional import PatchWhitening
from mdlcode.nets.held import is_trained
from mdlcode.nets.patches import RandomPatches
from mdlcode.typing import FloatArray, IntArray

# Large enough for speed, small beside the resident data. A GPU is idle between small ones.
PREDICT_BATCH = {"cpu": 500, "cuda": 4000}
_WHITENING_INPUTS = 5000
Forward = Callable[[dict[str, Tensor], Tensor], Tensor]
_NORMAL: Family = Normal()
Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, config=STRICT)
class Views(Settings):
    """Predictions are the mean, in probability space, over `count` views of each input.

    These are the input as it is and `count` - 1 random augmentations of it, the same ones at every call. With `Mirror`
    they are two: the input and its mirror image. Raises MdlError for another number of these.

    >>> Views(Mirror(), count=2).is_random, Views(Crop(flip=True)).is_random
    (False, True)
    """

    augment: Annotated[Crop | Affine | Mirror, Field(discriminator="kind")]
    count: int = Field(default=4, ge=2, le=1000)

    def __post_init__(self) -> None:
        if not self.is_random and self.count != 2:
            raise MdlError(f"an input has one mirror image, so that there are two views, not {self.count}: `count: 2`")

    @property
    def is_random(self) -> bool:
        """Whether the prediction for an input depends on its place in the batch, by the views that it gets there."""
        return not isinstance(self.augment, Mirror)


@dataclass(frozen=True, config=STRICT)
class Prediction(Settings):
    """How a trained net predicts: on several views, with averaged weights, in which precision, by which densities.

    `ema_decay` > 0 takes an exponential average of the weights along the training. `precision` "auto" is bfloat16
    autocast, while training too, for convolutional nets where the device has it. `family` is that of the densities of
    real-valued targets, whose location and scale are the net's outputs.
    """

    views: Views | None = None
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    precision: Precision = "auto"
    family: Family = Normal()


class NetPredictor(Predictor):
    """A net behind the standardisation of its inputs; it predicts in evaluation mode, the mean over its `views`.

    Its outputs are logits of classes, or what a `DensityHead` reads as densities of real-valued targets.
    """

    def __init__(
        self,
        net: nn.Module,
        shared: Described,
        bf16: bool,
        views: Views | None = None,
        compiled: Arch | None = None,
        family: Family = _NORMAL,
    ) -> None:
        """With its architecture in `compiled`, the net trains as one compiled function."""
        self.net = net
        self._compiled = compiled
        self.family, self.head = family, density_head(shared, family)
        self._shapes = shared.shape, num_outputs(shared, family)
        self.bf16 = bf16
        self.moments, self._tokens = shared.moments, nets.takes_tokens(net)
        self._memory = torch.channels_last if len(shared.shape) == 3 else torch.contiguous_format
        self.views = views

    def logits(self, raw: Tensor) -> Tensor:
        """Float32 logits (m, K) of raw inputs (m, ...); of tokens (m T, K), row after row."""
        x = self.standardised(raw)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            if self._compiled is not None and self.net.training:
                return self._run_compiled(self._compiled, x).float()
            logits: Tensor = self.net(x)
        return logits.float().flatten(0, -2)

    def standardised(self, raw: Tensor) -> Tensor:
        """The inputs (m, ...) as the net itself takes them; tokens stay whole numbers."""
        if self._tokens:
            return raw.long()
        mean, std = self.moments
        return ((raw - mean) / std).contiguous(memory_format=self._memory)

    def _run_compiled(self, arch: Arch, x: Tensor) -> Tensor:
        forward = compiled_forward(arch, *self._shapes)
        weights = {**dict(self.net.named_parameters()), **dict(self.net.named_buffers())}
        return forward(weights, x)

    def loss(self, raw: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """What a training minimises, in nats a label: the cross-entropy, or -log density, of a batch (m, ...)."""
        if self.head is None:
            return F.cross_entropy(self.logits(raw), targets, label_smoothing=label_smoothing)
        if label_smoothing:
            raise MdlError("label smoothing is for classes, and these targets are real numbers: leave it out")
        return self.head.nats(self.logits(raw), targets).mean()

    def model(self, inputs: Tensor) -> EntropyModel:
        """As of `Predictor`; of real-valued targets the densities that the outputs stand for."""
        return super().model(inputs) if self.head is None else self._densities(inputs, self.head)

    def _densities(self, inputs: Tensor, head: DensityHead) -> Binned:
        views = [torch.cat(each) for each in zip(*self._outputs(inputs), strict=True)]
        return Mixed.evenly([head.model(each) for each in views]) if len(views) > 1 else head.model(views[0])

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64: the mean over the views of softmax(logits), or the densities' masses.

        A net that draws random numbers draws the same ones at every call.
        """
        if self.head is not None:
            return self._densities(inputs, self.head).rows()
        # On the CPU, once all is under way on the device: many GPUs have few units for double precision.
        chunks = [[each.cpu().double().softmax(1) for each in views] for views in self._outputs(inputs)]
        probs: FloatArray = torch.cat([torch.stack(views).mean(0) for views in chunks]).numpy()
        return probs

    @torch.no_grad()
    def _outputs(self, inputs: Tensor) -> list[list[Tensor]]:
        """The outputs of each view, batch by batch."""
        self.net.eval()
        generator = Generator().manual_seed(0)
        chunks = []
        with seeded(0, inputs.device):
            for chunk in torch.split(inputs, PREDICT_BATCH[inputs.device.type]):
                views = [chunk.float()]
                if self.views is not None:
                    views += [self.views.augment.apply(views[0], generator) for _ in range(self.views.count - 1)]
                chunks.append([self.logits(view) for view in views])
        return chunks


class NetTrainer(Learner):
    """A learner whose predictor is a net, so that a weight code can send it."""

    @abstractmethod
    def architecture(self) -> Arch:
        """The net that is trained, by name or as the function that makes it."""

    @abstractmethod
    def initial(self, shared: Shared) -> NetPredictor:
        """The net before it sees a label, the same for everybody: what a decoder fills with weights."""

    @abstractmethod
    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The net learned from the first labels (t,)."""


@cache
def compiled_forward(arch: Arch, input_shape: tuple[int, ...], outputs: int) -> Forward:
    """The compiled forward pass (weights, inputs) -> logits of a net in training.

    The weights are arguments, so that what is compiled for one block of a batch shape serves all others.
    """
    template = nets.build(arch, input_shape, outputs)

    def forward(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        logits: Tensor = functional_call(template, weights, (x,))
        return logits

    return torch.compile(forward, dynamic=False)


def density_head(shared: Described, family: Family) -> DensityHead | None:
    """How outputs are read as densities; None where labels are classes."""
    return None if shared.bins is None else DensityHead(family, len(shared.bins))


def num_outputs(shared: Described, family: Family) -> int:
    """How many outputs a net has: one for each class, or the numbers of a density."""
    return shared.num_classes if shared.bins is None else family.num_outputs


def new_net(
    arch: Arch, shared: Shared, seed: int, precision: Precision, family: Family = _NORMAL
) -> tuple[nn.Module, bool]:
    """A net with weights drawn from `seed`, on the inputs' device, and whether it runs in bfloat16.

    Raises MdlError for one that predicts NaN before any training.
    """
    keep_freed_memory()
    device = shared.inputs.device
    with reproducible(seed, device):
        net = nets.build(arch, shared.shape, num_outputs(shared, family), shared.sequences)
    for layer in net.modules():
        if isinstance(layer, PatchWhitening | RandomPatches):
            mean, std = shared.moments
            layer.look_at((shared.inputs[:_WHITENING_INPUTS].float() - mean) / std)
    net = net.to(device)
    convolutional = any(isinstance(layer, nn.Conv2d) for layer in net.modules())
    if convolutional:
        net = net.to(memory_format=torch.channels_last)
    bf16 = convolutional and bf16_is_fast(device) if precision == "auto" else precision == "bf16"
    if not isinstance(arch, str) or ":" in arch:
        if not any(map(is_trained, net.parameters())):
            raise MdlError(f"all parameters of the net are frozen: nothing in '{arch}' can be trained")
        bf16 = bf16 and (precision == "bf16" or _runs_in_bf16(net, shared))
        _check_first(arch, net, shared, bf16, family)
    return net, bf16


def _check_first(arch: Arch, net: nn.Module, shared: Shared, bf16: bool, family: Family) -> None:
    """Raises MdlError for a net that gives no probabilities for the first inputs."""
    try:
        first = NetPredictor(net, shared, bf16, family=family)
        outputs = torch.cat([views[0] for views in first._outputs(shared.inputs[:2])])
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise MdlError(f"net '{arch}' does not take the data's inputs: {str(error).splitlines()[0]}") from None
    if not bool(torch.isfinite(outputs).all()):
        raise MdlError(f"net '{arch}' predicts NaN for the first inputs, before any training: look at its first layers")
    net.train()


def _runs_in_bf16(net: nn.Module, shared: Shared) -> bool:
    """Whether all that a net computes, gradients too, can be had in bfloat16."""
    tried = NetPredictor(deepcopy(net), shared, bf16=True)
    try:
        with seeded(0, shared.inputs.device):
            tried.logits(shared.inputs[:2].float()).sum().backward()
    except (TypeError, RuntimeError):
        return False
    return True
