"""From a name to a net."""

import difflib
import re
from functools import partial

import torch
from torch import nn

from mdlcode.data.sequences import Sequences
from mdlcode.errors import MdlError, in_one_line
from mdlcode.limits import require_memory
from mdlcode.nets import convolutional, dense, patches, vgg
from mdlcode.nets.arch import Arch, Factory, require_factory
from mdlcode.nets.normal import normal_form
from mdlcode.nets.outputs import logits_of
from mdlcode.nets.transformer import transformer
from mdlcode.trust import imported

NETS: dict[str, Factory] = {
    "linear": partial(dense.mlp, widths=()),
    "mlp": partial(dense.mlp, widths=(256, 256)),
    "mlp-dropout": partial(dense.mlp, widths=(256, 256), dropout=0.5),
    "mlp-512": partial(dense.mlp, widths=(512,)),
    "mlp-small": partial(dense.mlp, widths=(32,)),
    "mlp-3x200": partial(dense.mlp, widths=(200, 200, 200)),
    "shallow": partial(dense.mlp, widths=(5000,)),
    "lenet": convolutional.lenet,
    "tinycnn": convolutional.tiny_cnn,
    "lenet5": convolutional.lenet5,
    "lenet-small": convolutional.lenet_small,
    "lenet-patches": convolutional.lenet_patches,
    "lenet-readout": convolutional.lenet_readout,
    "lenet-edges": convolutional.lenet_edges,
    "patches": patches.patches,
    "patches-mlp": partial(patches.patches, widths=(64,)),
    "convnet": convolutional.convnet,
    "convnet-shallow": convolutional.convnet_shallow,
    "convnet-small": partial(convolutional.convnet, widths=(16, 32, 48, 48, 64, 64)),
    "conv8": vgg.conv8,
    "vgga": partial(vgg.vgg16, batch_norm=False),
    "vggb": partial(vgg.vgg16, batch_norm=True, dropout=0.5),
    "whitened": convolutional.whitened,
    "resnet18": partial(vgg.resnet, name="resnet18"),
    "resnet34": partial(vgg.resnet, name="resnet34"),
    "resnet50": partial(vgg.resnet, name="resnet50"),
}

# What "auto" and "small" stand for where tokens have labels.
TOKEN_NETS = {"auto": "transformer-2x64", "small": "linear"}


def resolve(arch: Arch, input_shape: tuple[int, ...], sequences: Sequences | None = None) -> Arch:
    """The name of the net, where "auto" and "small", which is for codes that send weights, depend on the inputs.

    They are "convnet" and "lenet-readout" for images of 16 pixels a side or more, "convnet-shallow" and "linear" for
    smaller ones, "mlp" and "linear" for all else. Where tokens have labels they are "transformer-2x64" and "linear",
    which for a text is a table of bigrams.

    >>> [resolve("auto", shape) for shape in ((1, 28, 28), (1, 8, 8), (64,))], resolve("lenet5", (1, 28, 28))
    (['convnet', 'convnet-shallow', 'mlp'], 'lenet5')
    """
    if not isinstance(arch, str) or arch not in ("auto", "small"):
        return arch
    if sequences is not None:
        return TOKEN_NETS[arch]
    if len(input_shape) != 3:
        return "mlp" if arch == "auto" else "linear"
    if min(input_shape[1:]) < _LARGE_SIDE:
        return "convnet-shallow" if arch == "auto" else "linear"
    return "convnet" if arch == "auto" else "lenet-readout"


def build(arch: Arch, input_shape: tuple[int, ...], num_classes: int, sequences: Sequences | None = None) -> nn.Module:
    """A new net with random weights from torch's generator: inputs (m, *input_shape) -> logits (m, K).

    With `sequences` the logits are (m, T, K), those of each token, and a dense net works on each token by itself.
    "mlp-3x200" is a dense net with three hidden layers of 200 units, and so for any two such numbers; "pooled-8-16-16"
    has convolutions of so many maps with halvings between them, and so for any such list; "transformer-2x64" has two
    blocks of width 64, a multiple of 16, and so for any two such numbers. A user's own net is brought to its
    `normal_form`. Raises MdlError for an unknown name (with the nearest one), a factory that can't be imported, a net
    that does not take inputs of that shape, and a user's net that has no such form.

    >>> build("mlp-512", (1, 8, 8), 10)[-1]
    Linear(in_features=512, out_features=10, bias=True)
    >>> sum(p.numel() for p in build("mlp-2x200", (1, 28, 28), 10).parameters())
    199210
    """
    arch = resolve(arch, input_shape, sequences)
    is_ours = isinstance(arch, str) and ":" not in arch
    factory = _factory(arch, input_shape, sequences) if isinstance(arch, str) else arch
    row = (num_classes,) if sequences is None else (sequences.length, num_classes)
    try:
        if is_ours:  # what the net takes is known before it is there
            with torch.device("meta"):
                count = sum(each.numel() for each in factory(input_shape, num_classes).parameters())
            require_memory(_PARAMETER_BYTES * count, f"net '{arch}' with its {count:,} parameters")
        net = factory(input_shape, num_classes)
        if not isinstance(net, nn.Module):
            raise TypeError(f"it gives a {type(net).__name__}, no torch module")
        zeros = torch.zeros(2, *input_shape, dtype=torch.int64 if takes_tokens(net) else torch.float32)
        if not is_ours:
            return normal_form(net, zeros, row).train()
        with torch.no_grad():
            logits_of(net.eval()(zeros), len(zeros), row)
    except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError, MdlError) as error:
        raise MdlError(f"net '{arch}' can't be built for inputs {input_shape}: {in_one_line(error)}") from None
    return net.train()


def _factory(arch: str, input_shape: tuple[int, ...], sequences: Sequences | None) -> Factory:
    """The function of that name, a user's or the library's. Raises MdlError where there is none."""
    if ":" not in arch:
        return _named(arch, input_shape, sequences)
    found: Factory = imported(arch, "net")
    if callable(found):
        require_factory(found, f"net '{arch}'")
    return found


def takes_tokens(net: nn.Module) -> bool:
    """Whether the net looks inputs up in a table of embeddings: then they are whole numbers, never standardised.

    >>> takes_tokens(nn.Sequential(nn.Embedding(9, 2), nn.Flatten(), nn.Linear(6, 2))), takes_tokens(nn.Linear(3, 2))
    (True, False)
    """
    return any(isinstance(layer, nn.Embedding | nn.EmbeddingBag) for layer in net.modules())


_LARGE_SIDE = 16
_PARAMETER_BYTES = 64  # its value, gradient and two moments, or its symbols while they are decoded


def _named(arch: str, input_shape: tuple[int, ...], sequences: Sequences | None) -> Factory:
    """The factory of a net of the library. Raises MdlError where there is none, or it does not fit such data."""
    if (sized := re.fullmatch(r"transformer-(\d{1,2})x(\d{1,4})", arch)) is not None:
        return _transformer(arch, int(sized[1]), int(sized[2]), sequences)
    factory = NETS.get(arch) or _rectangular(arch) or _pooled(arch)
    if factory is None:
        names = [*NETS, TOKEN_NETS["auto"]]
        near = difflib.get_close_matches(arch, names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"names: {', '.join(names)}"
        raise MdlError(f"no net named '{arch}': {hint}")
    if sequences is not None:
        if not _is_dense(arch):
            raise MdlError(f"net '{arch}' gives no logits for each token of a sequence: try 'transformer-2x64'")
        assert isinstance(factory, partial)
        return partial(dense.mlp_by_token, sequences=sequences, **factory.keywords)
    if not _is_dense(arch) and len(input_shape) != 3:
        raise MdlError(f"net '{arch}' needs images, the inputs have shape {input_shape}: try 'mlp'")
    return factory


def _transformer(arch: str, depth: int, width: int, sequences: Sequences | None) -> Factory:
    """The transformer that "transformer-DEPTHxWIDTH" names."""
    if sequences is None:
        raise MdlError(f"net '{arch}' gives logits for each token of a sequence: it needs labels of tokens (n, T)")
    if depth == 0 or width == 0 or width % 16:
        raise MdlError(f"net '{arch}' can't be built: one block or more, of a width that is a multiple of 16")
    return partial(transformer, sequences=sequences, depth=depth, width=width)


def _is_dense(arch: str) -> bool:
    return arch in {"linear", "mlp", "mlp-small", "mlp-dropout", "mlp-512", "shallow"} or _rectangular(arch) is not None


def _rectangular(arch: str) -> Factory | None:
    """The dense net that "mlp-DEPTHxWIDTH" names: so many hidden layers of so many units."""
    if (found := re.fullmatch(r"mlp-(\d{1,2})x(\d{1,5})", arch)) is None:
        return None
    depth, width = map(int, found.groups())
    return partial(dense.mlp, widths=(width,) * depth)


def _pooled(arch: str) -> Factory | None:
    """The small convolutional net that "pooled-MAPS-MAPS-..." names."""
    if re.fullmatch(r"pooled(-\d{1,4})+", arch) is None:
        return None
    return partial(convolutional.pooled, maps=tuple(map(int, arch.split("-")[1:])))
