"""The hyperparameters of one net of a grid, and how long nets are trained."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from mdlcode.config import STRICT
from mdlcode.data.base import Described
from mdlcode.errors import MdlError
from mdlcode.learn.nets.augment import Augment, Crop, NoAugment
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.nets.families import Form, family

_SHIFT_PIXELS = 2


@dataclass(frozen=True, config=STRICT)
class Setting:
    """One net: each of these may be an axis of a grid.

    `net` is a family ("mlp", "nin", "cnn", "resnet", or one's own as package.module:function). `l2` times half the
    squared norm of the kernels, not of biases or norms, is added to the loss. `dropout` is the probability to drop.
    `augment` shifts images by up to two pixels, and mirrors them. `optimizer` is stochastic gradient descent with
    momentum 0.9, or Adam. `train_size` is the number of labels, all by default; of these the share `label_noise` is
    redrawn uniformly. `seed` gives the first weights, the batches and all noise.

    >>> Setting(width=8, depth=1).new((1, 8, 8), 10)[1]
    Linear(in_features=64, out_features=8, bias=True)
    """

    net: str = "mlp"
    width: int = Field(default=64, ge=1)
    depth: int = Field(default=2, ge=0)
    batch_norm: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    l2: float = Field(default=0.0, ge=0)
    augment: Literal["none", "shift", "shift-flip"] = "none"
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: float = Field(default=0.05, gt=0)
    batch_size: int = Field(default=64, ge=1)
    train_size: int | None = Field(default=None, ge=2)
    label_noise: float = Field(default=0.0, ge=0, le=1)
    seed: int = Field(default=0, ge=0)

    def new(self, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
        """The net before its training, drawn from `seed`. Raises MdlError where it does not take such inputs."""
        form = Form(self.width, self.depth, self.batch_norm, self.dropout)
        with reproducible(self.seed, torch.device("cpu")):
            try:
                net = family(self.net)(input_shape, num_classes, form)
                with torch.no_grad():
                    net.eval()(torch.zeros(2, *input_shape))
            except (TypeError, ValueError, RuntimeError) as error:
                raise MdlError(f"net '{self.net}' of {form} can't be built for {input_shape}: {error}") from None
        return net.train()

    def of(self, shared: Described) -> nn.Module:
        """The net before its training for these inputs."""
        return self.new(shared.shape, shared.num_classes)

    @property
    def change(self) -> Augment:
        """What is done to each batch of images."""
        return NoAugment() if self.augment == "none" else Crop(pad=_SHIFT_PIXELS, flip=self.augment == "shift-flip")


@dataclass(frozen=True, config=STRICT)
class Training:
    """So many `steps`, or `epochs`, or less where the training loss in evaluation mode falls to `stop_ce`.

    The learning rate is divided by ten after each share of the steps in `lr_drops`. Raises MdlError where both steps
    and epochs are given, or none of them.
    """

    steps: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0)
    stop_ce: float | None = Field(default=None, gt=0)
    lr_drops: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise MdlError("how long is the training? Give either `steps` or `epochs`, which also end a `stop_ce`")

    def count(self, batch_size: int, num_labels: int, of: int | None = None) -> int:
        """How many steps on so many labels; on a part `of` more labels as many epochs as on all of them.

        >>> Training(steps=3000).count(64, 1000), Training(steps=3000).count(64, 500, of=1000)
        (3000, 1500)
        """
        whole = of or num_labels
        epochs = self.epochs
        if self.steps is not None:
            if whole == num_labels:
                return self.steps
            epochs = self.steps * min(batch_size, whole) / whole
        assert epochs is not None
        return max(1, math.ceil(round(epochs * num_labels / min(batch_size, num_labels), 6)))

    def lr_share(self, step: int, steps: int) -> float:
        """The share of the learning rate at a step of so many.

        >>> Training(steps=4, lr_drops=(0.5,)).lr_share(2, 4)
        0.1
        """
        return float(0.1 ** sum(step >= drop * steps for drop in self.lr_drops))
