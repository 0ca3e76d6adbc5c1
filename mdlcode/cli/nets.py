"""`mdlcode compress` and `mdlcode show`: nets as files."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.data import Data, Shared
    from mdlcode.experiments.tasks import Compression
    from mdlcode.learn import NetPredictor
    from mdlcode.nets.arch import Arch
    from mdlcode.typing import IntArray
    from mdlcode.weights import WeightCode

WeightsFile = Annotated[
    Path | None,
    typer.Option(
        "--weights", help="Code these weights of --arch (.pt, .ckpt, .safetensors, .npz); nothing is trained."
    ),
]
NetFile = Annotated[Path, typer.Argument(help="A file that `compress` wrote.")]
TestData = Annotated[str | None, typer.Option("--test", help="A data set that the net is to predict.")]


@dataclass(frozen=True)
class Net(o.OneCode):
    """Options of `compress`."""

    weights: WeightsFile = None
    weight_code: o.WeightCodes = None


@o.taken
def compress(given: Net, file: o.Out) -> None:
    """Writes a net into few bytes: one trained so that labels and weights are short together, or your own."""
    from mdlcode.experiments.tasks import Compression
    from mdlcode.files import write_atomically
    from mdlcode.weights.net_file import decode_net

    chosen = o.read(Compression, given)
    if chosen.weight_code and (chosen.weights is None or chosen.codes or len(chosen.weight_code) > 1):
        raise MdlError("--weight-code is one way of sending --weights, in place of a --code: name one, with --weights")
    loaded = chosen.load()
    loaded.require_one_class_each("a file of a net")
    with o.computing(chosen.threads, chosen.place):
        net, packed, trusted = (_trained if chosen.weights is None else _own)(chosen, loaded)
        decoded = decode_net(packed, trusted)
        write_atomically(file, lambda opened: opened.write(packed))
        _print_sizes(packed, decoded, trusted)
        _print_predictions(decoded, loaded)
        if chosen.weights is not None:
            _print_agreement(net, decoded, loaded)
    out.print(f"net in {file}", highlight=False)


Packed = tuple["NetPredictor", bytes, set[str]]  # a net, its file, and the names that this imports


def _trained(chosen: "Compression", loaded: "Data") -> Packed:
    """The net that the code learns, `compressed` where none is named."""
    from mdlcode.codes.best_of import best_net, net_codes
    from mdlcode.codes.presets import adapted, preset

    code = chosen.single_code()[1] if chosen.codes else adapted(preset("compressed"), list(chosen.arch), chosen.seed)
    made, net = best_net(net_codes(code), loaded.shared, loaded.labels)
    return _packed(net, made.learner.architecture(), made.weights, loaded)


def _own(chosen: "Compression", loaded: "Data") -> Packed:
    """The net of --weights behind the data's standardisation: its few values as they are, else the nearest of 16."""
    from mdlcode import nets
    from mdlcode.codes.best_of import net_codes
    from mdlcode.learn import NetPredictor, fold_batch_norm
    from mdlcode.nets.tensors import load_weights, read_tensors
    from mdlcode.weights.named import named

    assert chosen.weights is not None
    shared = loaded.shared
    arch: Arch = ",".join(chosen.arch)
    ways = [named(name) for name in chosen.weight_code or ("as-trained", "k-means")]
    if chosen.codes:
        codes = net_codes(chosen.single_code()[1])
        if len(codes) > 1:
            raise MdlError("--weights are of one net under one code: name one --code of one net, and one --arch")
        arch, ways = codes[0].learner.architecture(), [codes[0].weights]
    elif arch == "auto":
        raise MdlError("--weights need --arch: a net by name (see `list nets`) or module:factory")
    net = nets.build(arch, shared.shape, shared.num_classes)
    load_weights(net, read_tensors(chosen.weights))
    learned = NetPredictor(fold_batch_norm(net).to(shared.inputs.device), shared, bf16=False)
    for way in ways[:-1]:
        with suppress(MdlError):
            return _packed(learned, arch, way, loaded)
    return _packed(learned, arch, ways[-1], loaded)


def _packed(net: "NetPredictor", arch: "Arch", weights: "WeightCode", loaded: "Data") -> Packed:
    from mdlcode.config import to_config
    from mdlcode.trust import names
    from mdlcode.weights.net_file import pack_net

    packed = pack_net(net, arch, loaded.shared.shape, loaded.shared.num_classes, weights)
    return net, packed, names([arch, to_config(weights)])


def show(
    file: NetFile,
    test: TestData = None,
    target: o.Target = None,
    resize: o.Resize = None,
    limit: o.Limit = None,
    trust: o.Trust = None,
    threads: o.Threads = None,
    max_memory: o.MaxMemory = None,
) -> None:
    """Decodes a net's file and says what it holds, tensor by tensor; with --test also how well it predicts."""
    from mdlcode.data import load
    from mdlcode.experiments import tasks
    from mdlcode.limits import allow
    from mdlcode.weights.net_file import decode_net, unpack_net

    allow(max_memory=max_memory)
    packed, trusted = o.read_file(file, "net"), trust or ()
    header = unpack_net(packed, trusted)[0]
    with o.computing(threads):
        decoded = decode_net(packed, trusted)
        place = "" if header.subspace is None else f" in {header.subspace.dimension:,} dimensions of its weights"
        out.print(f"{header.arch} for inputs {header.shape}, {header.num_classes} classes{place}", highlight=False)
        _print_sizes(packed, decoded, trusted)
        if test is not None:
            task = tasks.checked(
                tasks.Task, {"data": test, "limit": limit, "target": target, "resize": resize}, "options"
            )
            loaded = load(test, task.view, **asdict(task.reading))
            if (loaded.shared.shape, loaded.shared.num_classes) != (header.shape, header.num_classes):
                raise MdlError(f"the net is for inputs {header.shape} of {header.num_classes} classes: not for {test}")
            _print_predictions(decoded, loaded)


def _print_sizes(packed: bytes, decoded: "NetPredictor", trusted: Collection[str]) -> None:
    """Bytes of each tensor: as float32, under general compressors, and here by part."""
    from rich.table import Table

    from mdlcode.weights.net_file import tensor_sizes, unpack_net

    header, words = unpack_net(packed, trusted)
    rows = tensor_sizes(decoded.net, header.weights)
    shown = Table(title=f"{4 * len(words):,} bytes of weights + {len(packed) - 4 * len(words)} bytes of header")
    shown.add_column("bytes of")
    for name in rows[0][1]:
        shown.add_column(name, justify="right")
    for label, sizes in rows:
        shown.add_row(label, *("" if size is None else f"{size:,.1f}".removesuffix(".0") for size in sizes.values()))
    out.print(shown)


def _print_predictions(learned: "NetPredictor", loaded: "Data") -> None:
    bits, wrong = _told(learned, loaded.shared, loaded.labels)
    out.print(f"training labels: {bits:,.1f} bits, {100 * wrong:.2f} % wrong", highlight=False)
    if loaded.test_inputs is not None and loaded.test_labels is not None:
        _, wrong = _told(learned, loaded.test_shared, loaded.test_labels)
        out.print(f"test labels: {100 * wrong:.2f} % wrong", highlight=False)


def _told(learned: "NetPredictor", shared: "Shared", labels: "IntArray") -> tuple[float, float]:
    """The bits of labels under a net in memory, and the share of them that it gets wrong."""
    from mdlcode.coding.channel import Ledger
    from mdlcode.learn.turns import say_labels, sending

    ledger = Ledger()
    say_labels(shared, (0, len(shared)), labels, lambda inputs: learned.predict(inputs.cpu()), sending(ledger))
    length = ledger.codelength(shared.num_classes)
    return length.label_bits, 1 - float(length.correct_by_label.mean())


def _print_agreement(given: "NetPredictor", decoded: "NetPredictor", loaded: "Data") -> None:
    """How many predictions of the decoded net are those of the net that was given."""
    same = count = 0
    for shared in (loaded.shared, loaded.test_shared) if loaded.test_inputs is not None else (loaded.shared,):
        for start, stop in shared.pieces(0, len(shared)):
            inputs = shared.inputs[start:stop]
            agree = given.predict(inputs).argmax(axis=1) == decoded.predict(inputs.cpu()).argmax(axis=1)
            same, count = same + int(agree.sum()), count + len(agree)
    out.print(f"{same:,} of {count:,} predictions are those of the net given", highlight=False)
