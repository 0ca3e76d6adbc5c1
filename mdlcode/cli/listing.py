"""`mdlcode list`."""

from enum import StrEnum
from typing import Annotated

import typer

from mdlcode import names
from mdlcode.cli.show import out


class What(StrEnum):
    """What can be listed."""

    CODES = "codes"
    DATA = "data"
    NETS = "nets"


_NAMES = {What.CODES: names.CODES, What.DATA: names.DATA, What.NETS: names.NETS + names.TOKEN_NETS}


def list_names(what: Annotated[What, typer.Argument(help="codes, data or nets")]) -> None:
    """The names that the other commands take."""
    for name in _NAMES[what]:
        out.print(name, highlight=False)
