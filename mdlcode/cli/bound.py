"""`mdlcode bound`."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out, print_table
from mdlcode.errors import MdlError
from mdlcode.report.stored_tables import bounds_table, paid_table

if TYPE_CHECKING:
    from mdlcode.certify.certificate import Certificate
    from mdlcode.certify.readout import GaussianReadout
    from mdlcode.data import Data, View
    from mdlcode.experiments.tasks import Bounding

NetFile = Annotated[Path | None, typer.Argument(help="A message of `encode` whose code sends a net, or a net's file.")]
Weights = Annotated[Path | None, typer.Option(help="Weights of a net instead: .npz of arrays or .pt state dict.")]
Errors = Annotated[int, typer.Option(help="Errors of the decoded net on the training examples.")]
Examples = Annotated[int, typer.Option(help="How many training examples there were.")]
Bits = Annotated[float, typer.Option(help="Bits of all that the net was decoded from.")]
Prior = Annotated[
    float | None, typer.Option(help="Share of the examples that --code learns from; the bound is on the others.")
]
Draws = Annotated[
    int | None,
    typer.Option(help="Of a stochastic net: random examples that are drawn, with weights of their own: 150,000."),
]
Delta = typer.Option(help="Failure probability of each bound: 0.05.")
Report = Annotated[Path | None, typer.Option("--out", "-o", help="JSON file for the certificate.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file of --out.")]


@dataclass(frozen=True)
class Bounded(o.OneCode):
    """Options of `bound`."""

    weights: Weights = None
    weight_code: o.WeightCodes = None
    prior: Prior = None
    delta: Annotated[float | None, Delta] = None
    mc_draws: Draws = None
    candidates: Annotated[int | None, o.Candidates] = None


@o.taken
def bound(
    given: Bounded, file: NetFile = None, report: Report = None, force: Force = False, trust: o.Trust = None
) -> None:
    """Bounds on the test error: of the net in a file, of --weights, or of what --code or --config learns."""
    from mdlcode import bounds
    from mdlcode.certify.certificate import choice_bits
    from mdlcode.experiments.tasks import Bounding

    chosen = o.read(Bounding, given)
    asked = (file is not None, chosen.weights is not None, bool(chosen.codes), chosen.readout is not None)
    if sum(asked) != 1:
        raise MdlError(
            "say what to bound: a file with a net, --weights with --arch, or --code (or --config: codes or a readout)"
        )
    if trust and file is None:
        raise MdlError("--trust is for a file with a net: leave it out")
    _check_free(report, force)
    bounds.held_out(0, 1, chosen.delta)  # nothing is trained for a delta outside (0, 1)
    choice_bits(chosen.candidates)
    with o.computing(chosen.threads, chosen.place):
        if file is not None:
            _refuse("a file", chosen, "arch", "mean", "std", "prior", "weight_code", "seed")
            made = _of_file(chosen, file, trust or ())
        elif chosen.weights is not None:
            _refuse("--weights", chosen, "prior", "seed")
            made = _of_weights(chosen, chosen.weights)
        elif chosen.readout is not None:
            _refuse("a readout", chosen, "arch", "mean", "std", "prior", "weight_code", "mc_draws")
            made = _of_readout(chosen, chosen.readout)
        else:
            _refuse("--code", chosen, "weight_code")
            made = _of_codes(chosen)
    _finish(made, report)


def bound_numbers(
    errors: Errors,
    examples: Examples,
    bits: Bits,
    delta: Annotated[float, Delta] = 0.05,
    candidates: Annotated[int, o.Candidates] = 1,
    report: Report = None,
    force: Force = False,
) -> None:
    """The same bounds from numbers, such as published sizes and errors; no net is looked at."""
    from mdlcode.certify.certificate import certify_numbers

    _check_free(report, force)
    _finish(certify_numbers(errors, examples, bits, delta, candidates), report)


def _check_free(report: Path | None, force: bool) -> None:
    if report is not None and report.exists() and not force:
        raise MdlError(f"{report} is there already: name another --out, or --force to replace it")


def _finish(made: "Certificate", report: Path | None) -> None:
    """Shows the certificate and writes it down."""
    from mdlcode.files import write_json

    show(made)
    if report is not None:
        write_json(report, made.to_config())


def show(made: "Certificate") -> None:
    """Prints a certificate: what it is about, what was paid, every bound, the test set's beside them."""
    draws = " random draws" if made.mc_delta else ""
    out.print(f"{made.dataset}: {made.source}", highlight=False, markup=False)
    out.print(
        f"train errors: {made.errors:,} of {made.evaluated:,}{draws} ({100 * made.errors / made.evaluated:.3f} %)"
        f"; n = {made.n:,}, delta = {made.delta:g}" + (f" + {made.mc_delta:g} for the draws" if draws else ""),
        highlight=False,
    )
    print_table(paid_table(made.to_config()))
    print_table(bounds_table(made.to_config()))
    if made.unpaid_bound is not None:
        out.print(
            f"{100 * made.tightest.value:.3f} % pays for {made.candidates:,} settings that were tried;"
            f" {100 * made.unpaid_bound:.3f} % would not, and is no guarantee.",
            highlight=False,
        )
    out.print(
        "They hold with probability 1 - delta if the examples are i.i.d. and net, code and settings were fixed"
        " before them; what was chosen by looking at them is paid with --candidates, or `candidates` in a config.",
        highlight=False,
    )


def _refuse(what: str, chosen: "Bounding", *names: str) -> None:
    """Raises MdlError for a setting that does not go with what is bounded."""
    default = type(chosen)()
    for name in names:
        if getattr(chosen, name) != getattr(default, name):
            raise MdlError(f"{o.option(name)} does not go with {what}: leave it out")


def _seen(view: "View", loaded: "Data") -> "Data":
    """The data without their test set where labels are noisy: its labels are clean, so of another distribution."""
    return replace(loaded, test_inputs=None, test_labels=None) if view.label_noise else loaded


def _of_file(chosen: "Bounding", file: Path, trusted: Collection[str]) -> "Certificate":
    """Of a message, whose header names its view of the data, or of a net's file."""
    from mdlcode.certify.certificate import certify
    from mdlcode.certify.hypothesis import from_message, from_net_file
    from mdlcode.codes.base import code_of
    from mdlcode.coding.message import unpack
    from mdlcode.data import View, load
    from mdlcode.environment import select_device
    from mdlcode.experiments.tasks import source_of
    from mdlcode.weights.net_file import is_net, unpack_net

    if is_net(content := o.read_file(file, "net or message")):
        unpack_net(content, trusted)  # refused before the data are loaded
        loaded = _seen(chosen.view, chosen.load())
        return certify(from_net_file(content, loaded.shared, trusted), loaded, chosen.delta, chosen.candidates)
    header = unpack(content)[0]
    code_of(header, trusted)  # likewise
    if chosen.view != View():
        raise MdlError("a message names its own view of the data: leave out --limit and the like")
    source = source_of(header)
    loaded = load(chosen.data, source.view, test=chosen.test, **vars(source.reading))
    loaded = loaded.to(select_device(chosen.device))
    loaded = _seen(source.view, loaded)
    return certify(from_message(content, loaded.shared, trusted), loaded, chosen.delta, chosen.candidates)


def _of_weights(chosen: "Bounding", file: Path) -> "Certificate":
    from mdlcode.certify.tensors import certify_tensors
    from mdlcode.nets.tensors import read_tensors
    from mdlcode.weights.named import NAMED, named

    if chosen.arch == ("auto",):
        raise MdlError("--weights need --arch: a net by name (see `list nets`) or module:factory")
    codes = [named(name) for name in chosen.weight_code or NAMED]
    arch, loaded = ",".join(chosen.arch), _seen(chosen.view, chosen.load())
    return certify_tensors(read_tensors(file), arch, codes, loaded, chosen.delta, chosen.candidates)


def _of_readout(chosen: "Bounding", readout: "GaussianReadout") -> "Certificate":
    """Of a Gibbs classifier on fixed features, with this experiment's seed."""
    from mdlcode.certify.stochastic_readout import certify_readout
    from mdlcode.config import shifted_seeds

    loaded = _seen(chosen.view, chosen.load())
    return certify_readout(shifted_seeds(readout, chosen.seed), loaded, chosen.delta, chosen.candidates)


def _of_codes(chosen: "Bounding") -> "Certificate":
    """The tightest certificate of several codes, log2 of their number paid."""
    from mdlcode.certify.certificate import tightest
    from mdlcode.certify.code import certify_code, certify_prefix

    loaded, codes = _seen(chosen.view, chosen.load()), [code for _, code in chosen.named_codes()]
    delta, prior, paid = chosen.delta, chosen.prior, chosen.candidates * len(codes)
    if prior is None:
        return tightest([certify_code(code, loaded, delta, paid, chosen.mc_draws) for code in codes])
    return tightest([certify_prefix(code, loaded, prior, delta, paid) for code in codes])
