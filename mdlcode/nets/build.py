"""From a name to a net."""

import difflib
import importlib
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from mdlcode.errors import MdlError
from mdlcode.nets import convolutional, dense, patches, vgg

Factory = Callable[[tuple[int, ...], int], nn.Module]

NETS: dict[str, Factory] = {
    "linear": partial(dense.mlp, widths=()),
    "mlp": partial(dense.mlp, widths=(256, 256)),
    "mlp-dropout": partial(dense.mlp, widths=(256, 256), dropout=0.5),
    "mlp-512": partial(dense.mlp, widths=(512,)),
    "mlp-small": partial(dense.mlp, widths=(32,)),
    "mlp-3x200": partial(dense.mlp, widths=(200, 200, 200)),
    "shallow": partial(dense.mlp, widths=(5000,)),
    "tinycnn": convolutional.tiny_cnn,
    "lenet5": convolutional.lenet5,
    "lenet-small": convolutional.lenet_small,
    "lenet-patches": convolutional.lenet_patches,
    "patches": patches.patches,
    "patches-mlp": partial(patches.patches, widths=(64,)),
    "convnet": convolutional.convnet,
    "conv8": vgg.conv8,
    "vgga": partial(vgg.vgg16, batch_norm=False),
    "vggb": partial(vgg.vgg16, batch_norm=True, dropout=0.5),
    "whitened": convolutional.whitened,
    "resnet18": partial(vgg.resnet, name="resnet18"),
    "resnet34": partial(vgg.resnet, name="resnet34"),
    "resnet50": partial(vgg.resnet, name="resnet50"),
}


def resolve(arch: str, input_shape: tuple[int, ...]) -> str:
    """The name of the net: "auto" is "convnet" for images and "mlp" for plain features.

    >>> resolve("auto", (1, 28, 28)), resolve("auto", (64,)), resolve("lenet5", (1, 28, 28))
    ('convnet', 'mlp', 'lenet5')
    """
    if arch != "auto":
        return arch
    return "convnet" if len(input_shape) == 3 else "mlp"


def build(arch: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """A new net with random weights from torch's generator: inputs (m, *input_shape) -> logits (m, K).

    Raises MdlError for an unknown name (with the nearest one), a factory that can't be imported, and a
    net that does not take inputs of that shape.

    >>> build("mlp-512", (1, 8, 8), 10)[-1]
    Linear(in_features=512, out_features=10, bias=True)
    """
    arch = resolve(arch, input_shape)
    factory = _user_factory(arch) if ":" in arch else NETS.get(arch)
    if factory is None:
        near = difflib.get_close_matches(arch, NETS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"names: {', '.join(NETS)}"
        raise MdlError(f"no net named '{arch}': {hint}")
    if ":" not in arch and arch not in _DENSE and len(input_shape) != 3:
        raise MdlError(f"net '{arch}' needs images, the inputs have shape {input_shape}: try 'mlp'")
    try:
        net = factory(input_shape, num_classes)
        with torch.no_grad():  # also what gives lazy layers their sizes
            logits = net.eval()(torch.zeros(2, *input_shape))
    except (TypeError, ValueError, RuntimeError) as error:
        raise MdlError(f"net '{arch}' can't be built for inputs {input_shape}: {error}") from None
    if logits.shape != (2, num_classes):
        raise MdlError(f"net '{arch}' gives {tuple(logits.shape)} for 2 inputs: (2, {num_classes}) is needed")
    return net.train()


_DENSE = {"linear", "mlp", "mlp-small", "mlp-dropout", "mlp-512", "mlp-3x200", "shallow"}


def _user_factory(arch: str) -> Factory:
    module, _, name = arch.partition(":")
    try:
        factory: Factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise MdlError(f"net '{arch}' can't be imported: {error}") from None
    return factory
