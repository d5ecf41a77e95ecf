"""Where the configuration of the Belfast line lies: in a source checkout at the top, in an installed wheel inside the package.

    >>> belfast_config().is_dir()
    True
"""

from __future__ import annotations

from pathlib import Path


def belfast_config() -> Path:
    """The folder with the line's configuration, shipped with the program.

    Raises FileNotFoundError, naming both places, when neither is there.
    """
    package = Path(__file__).resolve().parent
    shipped = package / "belfast"
    checkout = package.parent / "config"
    for place in (shipped, checkout):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"no Belfast configuration: neither {shipped} nor {checkout} is a folder; reinstall lagan-plant")
