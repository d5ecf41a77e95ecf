"""What stands in for a socket where somebody asks a transport or a listener for it."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

_NO_LINGER = struct.pack("ii", 1, 0)


class NoSocket:
    """Names and options, no descriptor. ``resets``: closing sends RST instead of FIN (SO_LINGER 0)."""

    family, type = socket.AF_INET, socket.SOCK_STREAM

    def __init__(self, name: tuple[str, int], peer: tuple[str, int] | None = None) -> None:
        self.resets = False
        self._name, self._peer = name, peer

    def getsockname(self) -> tuple[str, int]:
        """Address of this end."""
        return self._name

    def getpeername(self) -> tuple[str, int]:
        """Address of the other end. Raises OSError for a listener."""
        if self._peer is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return self._peer

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """SO_LINGER 0 is honoured, everything else is taken and forgotten."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self.resets = value == _NO_LINGER

    def fileno(self) -> int:
        """There is none."""
        return -1
