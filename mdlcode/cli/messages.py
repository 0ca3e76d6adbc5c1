"""`mdlcode encode`, `decode` and `verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.experiments.tasks import Experiment
    from mdlcode.typing import FloatArray, IntArray

Readable = Annotated[
    list[Path] | None,
    typer.Option(help="A file or folder that the decoding process may open, such as weights; may be repeated."),
]
MessageFile = Annotated[Path, typer.Argument(help="A message that `encode` wrote.")]


@o.taken
def encode(given: o.OneCode, file: o.Out) -> None:
    """Writes the message that tells the labels to whoever has the inputs."""
    from mdlcode.experiments.tasks import Experiment

    _write_message(o.read(Experiment, given), file)


def _write_message(chosen: "Experiment", file: Path) -> None:
    from mdlcode.coding.message import payload_bits, unpack
    from mdlcode.config import to_config
    from mdlcode.files import write_atomically

    chosen.single_code()  # one code, before anything is read
    loaded = chosen.load()
    name, code = chosen.single_code(loaded.shared.bins is not None)
    source = {
        "name": chosen.data,
        "view": to_config(chosen.view),
        "reading": to_config(chosen.reading),
        "classes": to_config(loaded.shared.class_names),
    }
    with o.computing(chosen.threads, chosen.place):
        message, transmission = code.transmitted(loaded, source)
    write_atomically(file, lambda opened: opened.write(message))
    length, coded, spare = transmission.codelength, payload_bits(message), unpack(message)[0].spare_words
    for note in transmission.received.notes:
        out.print(note, highlight=False)
    out.print(
        f"{name}: {length.total_bits:,.1f} bits reported, {coded:,} bits of message"
        f" + {len(message) - coded // 8 - 4 * spare} bytes of envelope"
        + (f" + {32 * spare:,} spare bits, lent and given back" if spare else "")
        + f" in {file}",
        highlight=False,
    )


def decode(
    data: o.DataName,
    file: MessageFile,
    labels: o.Out,
    device: o.Device = None,
    threads: o.Threads = None,
    trust: o.Trust = None,
    max_steps: o.MaxSteps = None,
    max_memory: o.MaxMemory = None,
) -> None:
    """Reads the labels out of a message, without opening those of DATA: their numbers into a .npy file, or a .csv file.

    A .csv file has a line for each example, with its place in DATA and the name of its class. Targets that are real
    numbers are told as what they are, in both.
    """
    import numpy as np

    from mdlcode.codes.base import code_of
    from mdlcode.coding.message import unpack
    from mdlcode.data import View, load_shared
    from mdlcode.environment import select_device
    from mdlcode.experiments.tasks import source_of
    from mdlcode.files import write_atomically
    from mdlcode.limits import allow
    from mdlcode.validation import listed

    allow(max_steps, max_memory)
    message = o.read_file(file, "message")
    header = unpack(message)[0]
    code, source = code_of(header, trust or ()), source_of(header)
    if len(source.classes) not in (0, header.num_classes):
        raise MdlError(f"the message names {len(source.classes)} of {header.num_classes} classes: encode it again")
    stored = load_shared(data, header.num_classes, View(order_seed=None), **vars(source.reading))
    shared = source.view.of_shared(stored).to(select_device(device or "auto"))
    if labels.suffix == ".csv" and shared.sequences is not None:
        raise MdlError("labels of tokens are written into a .npy file: name one")
    with o.computing(threads):
        decoded = code.decode(shared, message)
    values = decoded if shared.bins is None else shared.bins.decode(decoded)
    if labels.suffix == ".csv":
        order = source.view.order(len(stored))
        write_atomically(labels, lambda opened: opened.write(_lines(order, values, source.classes).encode()))
    else:
        write_atomically(labels, lambda opened: np.save(opened, values))
    names = f" ({listed([f'{place} = {name}' for place, name in enumerate(source.classes)])})" if source.classes else ""
    out.print(f"{len(decoded):,} labels in {labels}{names}", highlight=False)


def _lines(order: "IntArray", labels: "IntArray | FloatArray", classes: tuple[str, ...]) -> str:
    """The labels as CSV, by place of the example."""
    import csv
    import io

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["example", "label"])
    for place, label in sorted(zip(order.tolist(), labels.tolist(), strict=True)):
        rows.writerow([place, classes[label] if classes else label])
    return text.getvalue()


@o.taken
def verify(given: o.OneCode, readable: Readable = None) -> None:
    """Encodes, decodes in a process that has no labels, and holds reported bits and labels against each other."""
    from mdlcode.experiments.tasks import Experiment
    from mdlcode.proof.bob import Bob
    from mdlcode.proof.prove import transmit_and_prove

    chosen = o.read(Experiment, given)
    chosen.single_code()  # one code, before anything is read
    data = chosen.load()
    name, code = chosen.single_code(data.shared.bins is not None)
    with o.computing(chosen.threads, chosen.place), Bob(data.shared, readable or ()) as bob:
        _, transmission, proof = transmit_and_prove(bob, code, data)
    for note in transmission.received.notes:
        out.print(note, highlight=False)
    out.print(f"{name}, {len(data):,} labels, {data.shared.classes_text}: {proof}", highlight=False)
    out.print(f"{proof.confinement}; waiting for Bob took {proof.seconds:,.1f} seconds", highlight=False)
    if not proof.proved:
        raise typer.Exit(1)
