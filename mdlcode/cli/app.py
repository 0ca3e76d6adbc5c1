"""The commands, and how errors reach a person."""

import errno
import re
import sys
import warnings

import typer

from mdlcode.cli import bound, compare, dimension, figures, grid, listing, measure, messages, nets, rank, reproduce
from mdlcode.cli.options import option
from mdlcode.cli.show import err
from mdlcode.errors import MdlError

_CTRL_C = 130

app = typer.Typer(
    help="How many bits do your labels hold, given the inputs? Codes that count, messages that prove.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(compare.compare)
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
app.command("list")(listing.list_names)


def main() -> None:
    """Runs the command line; a user's mistake is one line on stderr and exit status 2."""
    warnings.showwarning = _warn
    sys.path.append("")  # a user's modules in the current folder, as `python -m` finds them; installed ones go first
    try:
        app()
    except MdlError as error:
        _end(f"error: {_with_options(str(error))}", 2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _end("error: the disk is full: free some space or name another folder", 2)
    except SystemExit as leaving:
        if leaving.code == _CTRL_C:  # typer's answer to it, without a word
            _end("stopped: what was finished is kept", _CTRL_C)
        raise


def _with_options(line: str) -> str:
    """The line of an error, with the option in place of each argument that the library names: `limit`, --limit."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    known = typer.main.get_command(app).commands.get(command)  # type: ignore[attr-defined]
    names = {name for each in (known.params if known else ()) for name in each.opts}

    def typed(found: re.Match[str]) -> str:
        return name if (name := option(found[1])) in names else found[0]

    return re.sub(r"`(\w+)`", typed, line)


def _end(line: str, status: int) -> None:
    err.print(line, style="red", markup=False, highlight=False)
    sys.exit(status)


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    err.print(f"warning: {message}", style="yellow", markup=False, highlight=False)
