"""`mdlcode list`."""

from enum import StrEnum
from typing import Annotated

import typer

from mdlcode.cli.show import out


class What(StrEnum):
    """What can be listed."""

    CODES = "codes"
    DATA = "data"
    NETS = "nets"


def list_names(what: Annotated[What, typer.Argument(help="codes, data or nets")]) -> None:
    """The names that the other commands take."""
    if what is What.CODES:
        from mdlcode.codes.presets import PRESETS

        names = list(PRESETS)
    elif what is What.DATA:
        from mdlcode.data import DATASETS

        names = list(DATASETS)
    else:
        from mdlcode.nets import NETS

        names = list(NETS)
    for name in names:
        out.print(name, highlight=False)
