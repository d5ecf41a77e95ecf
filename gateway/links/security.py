"""How a link to an OPC UA server is secured; the default signs and encrypts, and "none" must be written out.

Source: OPC 10000-7 security policies; faults of the client library: certificates fetched at connect are trusted on every use.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.config.security import Security as Configured
from gateway.links.certificates import Refused
from gateway.links.pki import Pki, private


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """How a link secures its channel; without being told otherwise it signs and encrypts.

    ``policy``: one of the configuration's. ``host``: name or address in the server's certificate. ``server_uri``: "" for
    whatever the server says and its certificate confirms. ``user``: "" for anonymous; where its password is, never what it is.
    """

    policy: str = "Aes256_Sha256_RsaPss"
    mode: str = "SignAndEncrypt"
    pki: Pki | None = None
    host: str = ""
    server_uri: str = ""
    user: str = ""
    password_file: Path | None = None
    password_env: str = ""
    user_certificate: Path | None = None
    user_key: Path | None = None

    @property
    def none(self) -> bool:
        """Whether the channel is open."""
        return self.policy == "none"

    def check(self) -> None:
        """Raises ValueError when something that the policy needs is missing."""
        if not self.none and (self.pki is None or not self.host):
            raise ValueError(f"security {self.policy}: no certificates or no host given; write policy none to do without")

    def password(self) -> str:
        """The user's password, read at every connect. Raises Refused when it cannot be had or others can have it too."""
        if self.password_file is not None:
            return private(self.password_file).decode().rstrip("\r\n")
        found = os.environ.get(self.password_env, "")
        if not found:
            raise Refused(f"no password for user {self.user}: the environment has no {self.password_env or 'variable for it'}")
        return found


SECURE = Security()
NONE = Security(policy="none")


def configured(given: Configured, host: str, data: Path, now: datetime) -> Security:
    """What a configuration means for a link to ``host``, with the certificates under ``data``; the own one is made when there is none.

    Raises Refused when the own certificate is of no use.
    """
    if given.none:
        return NONE
    pki = Pki(data / "pki")
    pki.own(now)

    def file(name: str) -> Path | None:
        return data / name if name else None

    return Security(
        policy=given.policy, mode=given.mode, pki=pki, host=given.host or host, server_uri=given.server_uri, user=given.user,
        password_file=file(given.password_file), password_env=given.password_env,
        user_certificate=file(given.user_certificate), user_key=file(given.user_key))
