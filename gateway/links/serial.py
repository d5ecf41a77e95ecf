"""A serial port as an asyncio transport: raw bytes, one owner, and an end that is noticed.

    >>> port = SerialPort(loop, "/dev/serial/by-id/usb-FTDI_A50285BI", Line(baud=9600, parity="even"), protocol)

The port is locked (flock) and closed to others (TIOCEXCL) while it is open: two programs on one bus take one another's
answers. Source: termios(3), ioctl_tty(2); Modbus over Serial Line V1.02 clause 3.3 (two stop bits where there is no parity).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from typing import Any, Literal

import msgspec

Parity = Literal["none", "even", "odd"]
_PARITY = {"none": 0, "even": termios.PARENB, "odd": termios.PARENB | termios.PARODD}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """How a line speaks: ``baud`` in bit/s, 8 data bits, ``parity`` and ``stop_bits``."""

    baud: int = 19_200
    parity: Parity = "even"
    stop_bits: int = 1

    @property
    def speed(self) -> int:
        """The constant of the operating system. Raises ValueError for a rate that it does not know."""
        speed = getattr(termios, f"B{self.baud}", None)
        if speed is None:
            raise ValueError(f"{self.baud} baud is no rate of a serial port here")
        return speed


class SerialPort(asyncio.Transport):
    """An open port with a protocol on it. Raises OSError with the reason: absent, owned by another program, no terminal."""

    def __init__(self, loop: asyncio.AbstractEventLoop, path: str, line: Line, protocol: asyncio.BufferedProtocol) -> None:
        super().__init__({"path": path})
        self._loop, self._protocol = loop, protocol
        self._fd = _opened(path, line)
        self._unsent = bytearray()
        self._closing = False
        protocol.connection_made(self)
        loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what the driver does not take at once follows as it makes room."""
        if self._closing or not data:
            return
        self._unsent += data
        self._writable()

    def abort(self) -> None:
        """Close at once; what is unsent is dropped."""
        self._end(None)

    def close(self) -> None:
        """As abort: a frame that was cut off is noise to every device on the bus."""
        self._end(None)

    def is_closing(self) -> bool:
        return self._closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    # --------------------------------------------------------------------------------------------------------- inside
    def _readable(self) -> None:
        try:
            size = os.readv(self._fd, [self._protocol.get_buffer(-1)])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as why:                  # EIO: the adapter was unplugged, or the other end of a pty is closed
            return self._end(why)
        if size == 0:
            return self._end(OSError(errno.EIO, "the port hung up"))
        self._protocol.buffer_updated(size)

    def _writable(self) -> None:
        try:
            while self._unsent:
                del self._unsent[:os.write(self._fd, self._unsent)]
        except (BlockingIOError, InterruptedError):
            self._loop.add_writer(self._fd, self._writable)
            return
        except OSError as why:
            return self._end(why)
        self._loop.remove_writer(self._fd)

    def _end(self, why: OSError | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        _close(self._fd)
        self._loop.call_soon(self._protocol.connection_lost, why)


def _opened(path: str, line: Line) -> int:
    """A descriptor on a raw, locked and empty port. Raises OSError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as why:
        raise _taken(path) if why.errno == errno.EBUSY else why from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.ioctl(fd, termios.TIOCEXCL)
        _make_raw(fd, line)
    except BlockingIOError:
        os.close(fd)
        raise _taken(path) from None
    except termios.error as why:
        os.close(fd)
        raise OSError(f"{path} is no serial port that takes {line.baud} baud, parity {line.parity}: {why}") from None
    except OSError as why:
        os.close(fd)
        raise OSError(f"{path} is no serial port: {why.strerror}") if why.errno == errno.ENOTTY else why from None
    return fd


def _taken(path: str) -> OSError:
    return OSError(errno.EBUSY, f"{path} is owned by another program: a bus has one master")


def _make_raw(fd: int, line: Line) -> None:
    """No editing, no flow control, 8 bits, and nothing left of before."""
    settings: list[Any] = termios.tcgetattr(fd)
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL | _PARITY[line.parity] | (termios.CSTOPB if line.stop_bits == 2 else 0)
    settings[0] = termios.INPCK | termios.IGNBRK | termios.IGNPAR if line.parity != "none" else termios.IGNBRK
    settings[1], settings[2], settings[3] = 0, flags, 0
    settings[4] = settings[5] = line.speed
    settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    termios.tcflush(fd, termios.TCIOFLUSH)


def _close(fd: int) -> None:
    with contextlib.suppress(OSError, termios.error):       # the adapter may be gone
        fcntl.ioctl(fd, termios.TIOCNXCL)
        termios.tcflush(fd, termios.TCIOFLUSH)
    os.close(fd)
