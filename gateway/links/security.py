"""How a link to an OPC UA server is secured; the default signs and encrypts, and "none" must be written out.

Source: OPC 10000-7 security policies; faults of the client library: certificates fetched at connect are trusted on every use.
"""

from __future__ import annotations

import msgspec


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """How a link secures its channel; without being told otherwise it signs and encrypts.

    ``policy``: "Aes256Sha256RsaPss", "Aes128Sha256RsaOaep", "Basic256Sha256", or "none", which must be written out.
    ``server_certificate`` is pinned: one that is fetched at connect proves nothing. ``user``: "" for anonymous.
    """

    policy: str = "Aes256Sha256RsaPss"
    mode: str = "SignAndEncrypt"
    certificate: str = ""
    private_key: str = ""
    server_certificate: str = ""
    user: str = ""
    password: str = ""

    def check(self) -> None:
        """Raises ValueError when something that the policy needs is missing."""
        missing = [name for name in ("certificate", "private_key", "server_certificate") if not getattr(self, name)]
        if self.policy != "none" and missing:
            raise ValueError(f"security {self.policy}: {', '.join(missing)} not given; write policy none to do without")


SECURE = Security()
NONE = Security(policy="none")
