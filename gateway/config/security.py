"""How an OPC UA link is secured, as it stands in devices.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Security(BaseModel):
    """The channel of an OPC UA link. Unless told otherwise it signs and encrypts; ``none`` must be written out.

    ``host``: name or address that the server's certificate carries, where the link's is another one. ``server_uri``:
    application URI that the server must have. ``user`` has its password in a file of mode 0600 or in an environment
    variable, never here; ``user_certificate`` (DER or PEM) with ``user_key`` (PEM, mode 0600) stands for a user by
    itself. Files are found from the data directory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: Literal["Aes256_Sha256_RsaPss", "Aes128_Sha256_RsaOaep", "Basic256Sha256", "none"] = "Aes256_Sha256_RsaPss"
    mode: Literal["SignAndEncrypt", "Sign"] = "SignAndEncrypt"
    host: str = ""
    server_uri: str = ""
    user: str = ""
    password_file: str = ""
    password_env: str = ""
    user_certificate: str = ""
    user_key: str = ""

    @property
    def none(self) -> bool:
        """Whether the channel is open to everybody who reaches the network."""
        return self.policy == "none"
