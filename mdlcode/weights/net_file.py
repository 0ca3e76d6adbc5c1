"""A net as a file: the words of its weights' message, and a header that tells how to predict with it.

The words decode without data and on any machine, since every probability of a weight code comes from whole
numbers; a checksum of the decoded tensors stands behind that. The header (a few hundred bytes) names what
a codelength takes as shared: architecture, shapes, standardisation of the inputs, settings of the weight code.
"""

import hashlib
from collections.abc import Collection, Mapping
from copy import deepcopy
from importlib.metadata import version
from typing import Annotated, Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode import nets
from mdlcode.coding.channel import UNDECODABLE, Receiver, Sender, Words
from mdlcode.coding.message import Checksum, Classes, held_to, opened, seal
from mdlcode.config import STRICT, to_config
from mdlcode.environment import Name, Whole
from mdlcode.errors import MdlError, MessageError, in_one_line
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.predictor import NetPredictor, Views
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.learn.subspace.net import Span, Stepped, SubspaceNet
from mdlcode.nets.arch import Arch
from mdlcode.trust import require_trusted
from mdlcode.weights import WeightCode, general_compressors
from mdlcode.weights.base import AnyWeightCode, coded_tensors

_MAGIC = b"MDLNET01"


@dataclass(frozen=True, config=STRICT)
class NetHeader:
    """How to build a net and predict with it; a schema that files of others are held to.

    `mean` and `std` standardise the inputs, as nested lists. `weights` is the code of the words. `subspace` is that of
    a net that moves in one. Raises MdlError for a mean or deviation that does not fit the inputs.
    """

    arch: Name
    input_shape: Annotated[list[Whole], Field(min_length=1, max_length=4)]
    num_classes: Classes
    mean: list[Any]
    std: list[Any]
    bf16: Annotated[bool, Field(strict=True)]
    views: Views | None
    weights: AnyWeightCode
    tensors_checksum: Checksum
    mdlcode: Name
    subspace: Span | None = None

    def __post_init__(self) -> None:
        try:
            mean, std = self.moments
            fits = torch.broadcast_shapes((1, *self.shape), mean.shape, std.shape) == (1, *self.shape)
        except (TypeError, ValueError, RuntimeError) as error:
            raise MdlError(f"the net's mean and deviation are no tensors: {in_one_line(error)}") from None
        if not fits or not bool((std > 0).all()):
            raise MdlError(f"the net's mean and deviation do not fit inputs of shape {self.shape}: make it again")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.input_shape)

    @property
    def bins(self) -> None:
        """A file holds a classifier."""

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, shaped to broadcast over a batch."""
        return torch.tensor(self.mean, dtype=torch.float32), torch.tensor(self.std, dtype=torch.float32)

    def initial(self) -> NetPredictor:
        """The predictor before its weights are filled in."""
        net = build_empty(self.arch, self.shape, self.num_classes, self.subspace)
        return NetPredictor(net, self, self.bf16, self.views)


def build_empty(arch: Arch, input_shape: tuple[int, ...], num_classes: int, span: Span | None) -> nn.Module:
    """A new net of that architecture in evaluation mode: in its subspace, else with its batch norms folded away."""
    if span is None:
        return fold_batch_norm(nets.build(arch, input_shape, num_classes))
    with reproducible(span.seed, torch.device("cpu")):
        net = nets.build(arch, input_shape, num_classes)
    return SubspaceNet(net, span, Stepped()).eval()


def pack_net(learned: NetPredictor, arch: Arch, shape: tuple[int, ...], num_classes: int, weights: WeightCode) -> bytes:
    """The file of a net, its batch norms folded away unless it moves in a subspace; the net itself is not changed.

    Raises MdlError where a tensor of the net has no code (see `coded_tensors`), for a net of another layout, and for
    one whose function has no name.
    """
    name = nets.resolve(arch, shape)
    if not isinstance(name, str):
        raise MdlError(f"a file names the function that makes its net, and '{name}' has no name: put it in a module")
    alice, sender = fold_batch_norm(deepcopy(learned.net)), Sender()
    span = alice.span if isinstance(alice, SubspaceNet) else None
    _check_layout(alice, build_empty(arch, shape, num_classes, span))
    weights.transmit(sender, alice)  # from here on with decoded values
    mean, std = learned.moments
    header = NetHeader(
        arch=name,
        input_shape=list(shape),
        num_classes=num_classes,
        mean=mean.tolist(),
        std=std.tolist(),
        bf16=learned.bf16,
        views=learned.views,
        weights=weights,
        tensors_checksum=tensors_checksum(alice),
        mdlcode=version("mdlcode"),
        subspace=span,
    )
    return seal(_MAGIC, to_config(header), sender.words())


def unpack_net(file: bytes, trusted: Collection[str] = ()) -> tuple[NetHeader, Words]:
    """Header and words of a net's file; `trusted` are the `package.module:name`s that it may import.

    Raises MessageError where it is none, cut short or altered, MdlError where it asks to import another name.
    """
    fields, words = opened(_MAGIC, file, "net")
    require_trusted(fields, trusted, "the net")
    return held_to(NetHeader, fields, "net"), words


def is_net(file: bytes) -> bool:
    """Whether bytes begin as a net's file does.

    >>> is_net(b"MDLCODE1...")
    False
    """
    return file.startswith(_MAGIC)


def decode_net(file: bytes, trusted: Collection[str] = ()) -> NetPredictor:
    """The predictor of a net's file, on the CPU, from its bytes alone; `trusted` as of `unpack_net`.

    Raises MessageError for an altered file, and where other tensors are decoded than were sent; MdlError
    where the file asks to import a net or weight code that is not trusted.
    """
    header, words = unpack_net(file, trusted)
    learned = header.initial()
    try:
        header.weights.transmit(Receiver(words), learned.net)
    except UNDECODABLE as error:
        raise MessageError(f"the net does not decode: {in_one_line(error)}") from None
    if tensors_checksum(learned.net) != header.tensors_checksum:
        raise MessageError(f"the net decodes to other tensors than were sent: install mdlcode {header.mdlcode}")
    return learned


def tensors_checksum(net: nn.Module) -> str:
    """Eight bytes of SHA-256 of the names, shapes and values of all tensors, in hex."""
    digest = hashlib.sha256()
    for name, tensor in _tensors(net).items():
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()[:16]


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    """All tensors that predictions depend on, by name."""
    return net.tensors() if isinstance(net, SubspaceNet) else coded_tensors(net)


def _shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in _tensors(net).items()}


def _check_layout(net: nn.Module, expected: nn.Module) -> None:
    if _shapes(net) != _shapes(expected):
        raise MdlError("the net's tensors are not those of its architecture: name the one it was built with")
    if isinstance(net, SubspaceNet):
        _check_start(net, dict(expected.named_parameters()))


def _check_start(net: SubspaceNet, expected: Mapping[str, Tensor]) -> None:
    """Raises MdlError unless theta0 is drawn from the seed alone."""
    for name, value in net.net.named_parameters(prefix="net"):
        if not torch.equal(value.cpu(), expected[name]):
            raise MdlError(f"'{name}' of the net is read off the inputs, which no file holds: take another `arch`")


def tensor_sizes(net: nn.Module, weights: WeightCode) -> list[tuple[str, dict[str, float | None]]]:
    """Bytes of each tensor as float32, under general compressors, by part under the weight code, and their sum.

    The first row is of all tensors; a row that only the weight code has, such as that of the live units,
    holds None elsewhere.
    """
    raw = {name: _bytes(tensor) for name, tensor in _tensors(net).items()}
    coded = weights.sizes(net)
    parts = list(dict.fromkeys(part for bits in coded.values() for part in bits))
    whole = {part: sum(bits.get(part, 0.0) for bits in coded.values()) for part in parts}
    rows = [("(all)", _row(b"".join(raw.values()), whole, parts))]
    names = [name for name in (*coded, *raw) if name != "(all)"]
    rows += [(name, _row(raw.get(name), coded.get(name, {}), parts)) for name in dict.fromkeys(names)]
    return rows


def _row(raw: bytes | None, bits: Mapping[str, float], parts: list[str]) -> dict[str, float | None]:
    general = {name: None if raw is None else len(pack(raw)) for name, pack in general_compressors().items()}
    ours = {part: bits.get(part, 0.0) / 8 for part in parts}
    total = sum(bits.values()) / 8 if bits else None
    return {"float32": None if raw is None else len(raw), **general, **ours, "here": total}


def _bytes(tensor: Tensor) -> bytes:
    plain = tensor.detach().cpu().contiguous().reshape(-1)
    if plain.dtype != torch.float32:
        return plain.view(torch.uint8).numpy().tobytes()
    return (plain + 0.0).numpy().tobytes()  # +0.0, since -0.0 predicts the same
