"""The commands, and how errors reach a person."""

import errno
import os
import re
import signal
import sys
import warnings

import typer

from mdlcode.cli import (
    bound,
    cache,
    compare,
    dimension,
    figures,
    grid,
    listing,
    measure,
    messages,
    nets,
    plan,
    rank,
    reproduce,
)
from mdlcode.cli.options import option
from mdlcode.cli.show import err
from mdlcode.errors import MdlError, in_one_line

# typer's answer to Ctrl-C, and what a shell says of a command that a signal ended.
_STOPPED = (130, 128 + signal.SIGTERM, 128 + getattr(signal, "SIGHUP", 1))

app = typer.Typer(
    help="How many bits do your labels hold, given the inputs? Codes that count, messages that prove.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(compare.compare)
app.command()(plan.plan)
app.command()(messages.encode)
app.command()(messages.decode)
app.command()(messages.verify)
app.command()(compare.audit)
app.command()(figures.plot)
app.command()(figures.report)
app.command()(reproduce.reproduce)
app.command()(bound.bound)
app.command()(bound.bound_numbers)
app.command()(nets.compress)
app.command()(nets.show)
app.command()(dimension.dimension)
app.command()(measure.measure)
app.command()(grid.grid)
app.command()(rank.rank)
app.command()(cache.cache)
app.command("list")(listing.list_names)


def main() -> None:
    """Runs the command line; a user's mistake is one line on stderr and exit status 2."""
    warnings.showwarning = _warn
    # Of numpy's and scikit-learn's libraries, which read it as they start: their bits depend on it, as torch's do.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _prepare_to_end()
    sys.path.append("")  # a user's modules in the current folder, as `python -m` finds them; installed ones go first
    try:
        _run()
    except MdlError as error:
        _end(f"error: {_with_options(str(error))}", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        full = "the disk is full: free some space or name another folder"
        _end(f"error: {full if error.errno == errno.ENOSPC else f'{where}{error.strerror or error}'}", 2)
    except MemoryError:
        _end("error: there is not enough memory: take fewer examples (--limit), or a smaller net", 2)
    except SystemExit as leaving:
        if leaving.code in _STOPPED:
            _end("stopped: what was finished is kept", int(leaving.code))
        raise


def _run() -> None:
    """The command; where torchrun started several processes, that of the first, which the others help."""
    if "WORLD_SIZE" not in os.environ:
        app()
        return
    from mdlcode import ranks

    ranks.run(app)


def _prepare_to_end() -> None:
    """A command that is ended from outside shows the rows that are done; streams that are closed lead nowhere."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # it is ignored under nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _with_options(line: str) -> str:
    """The line of an error, with the option in place of each argument that the library names: `limit`, --limit."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    known = typer.main.get_command(app).commands.get(command)  # type: ignore[attr-defined]
    names = {name for each in (known.params if known else ()) for name in each.opts}

    def typed(found: re.Match[str]) -> str:
        return name if (name := option(found[1])) in names else found[0]

    return re.sub(r"`(\w+)`", typed, line)


def _end(line: str, status: int) -> None:
    err.print(in_one_line(line, longest=2000), style="red")
    sys.exit(status)


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    err.print(f"warning: {message}", style="yellow")
