"""The secured channel to an OPC UA server: its certificate is judged before anything that matters is sent.

The server's endpoints, and with them its certificate, are asked for over an open channel, as the protocol has it; that
answer proves nothing by itself. The certificate is held against the trust list, and only with that very certificate is
the channel opened: who has not its key cannot answer. There is no fallback to a weaker policy.

Source: OPC 10000-4 5.4.4 GetEndpoints, 5.5.2 OpenSecureChannel, 5.6.2 CreateSession, 6.1.3 (trust); OPC 10000-6 6.7.2.
"""

# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import logging
from datetime import datetime

from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties, x509_from_der
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.links.certificates import UNTRUSTED, Refused, complaints, der, fingerprint
from gateway.links.pki import Identity, Pki, private
from gateway.links.security import Security

# The library warns of what is judged here.
logging.getLogger("asyncua.crypto").setLevel(logging.CRITICAL)

_POLICIES = {
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
}
_USER_REFUSED = frozenset({
    0x801F0000,     # BadUserAccessDenied
    0x80200000,     # BadIdentityTokenInvalid
    0x80210000,     # BadIdentityTokenRejected
})
_US_REFUSED = frozenset({
    0x80120000,     # BadCertificateInvalid
    0x80130000,     # BadSecurityChecksFailed
    0x80140000,     # BadCertificateTimeInvalid
    0x80170000,     # BadCertificateUriInvalid
    0x80180000,     # BadCertificateUseNotAllowed
    0x801A0000,     # BadCertificateUntrusted
    0x80550000,     # BadSecurityPolicyRejected
})


class Caller(Client):
    """A client that says what a server may mean by hanging up instead of opening a secured channel.

    It should say why in an ErrorMessage (OPC 10000-6 7.1.5); some put it into a secured message that nobody awaits, some say nothing.
    """

    async def open_secure_channel(self, renew: bool = False) -> None:
        try:
            await super().open_secure_channel(renew)
        except ConnectionError:
            if renew or self.security_policy.Mode == ua.MessageSecurityMode.None_:
                raise
            raise Refused("the server hangs up instead of opening a secured channel: it may refuse our certificate or policy; "
                          "have pki/own approved there") from None


async def secure(client: Client, security: Security, now: datetime) -> tuple[Identity, x509.Certificate] | None:
    """Make a client's channel as the link wants it; our identity and the server's certificate, None for an open channel.

    Raises Refused for a server that may not be believed; OSError, TimeoutError or UaError when it cannot be asked.
    """
    security.check()
    if security.user:
        client.set_user(security.user)
        client.set_password(security.password())
    if security.none:
        return None
    assert security.pki is not None
    own = security.pki.own(now)
    policy = _POLICIES[security.policy]
    endpoint = _endpoint(await client.connect_and_get_server_endpoints(), policy.URI, security)
    certificate = x509_from_der(endpoint.ServerCertificate)
    if certificate is None:
        raise Refused("the server shows no certificate")
    judge(certificate, security, endpoint.Server.ApplicationUri, now)
    client.application_uri = own.uri

    async def same_application(_: x509.Certificate, server: ua.ApplicationDescription) -> None:
        judge(certificate, security, server.ApplicationUri, now)

    client.certificate_validator = same_application         # before the user's password goes out
    await client.set_security(
        policy, der(own.certificate), CertProperties(own.key, "pem"),
        server_certificate=CertProperties(der(certificate), "der"), mode=ua.MessageSecurityMode[security.mode])
    if security.user_certificate is not None and security.user_key is not None:
        client.user_certificate = Pki.read(security.user_certificate)
        client.user_private_key = load_pem_private_key(private(security.user_key), None)
    return own, certificate


def judge(certificate: x509.Certificate, security: Security, uri: str | None, now: datetime) -> None:
    """Raises Refused with everything that is wrong; a certificate that nobody approved yet is kept for approval."""
    assert security.pki is not None
    found = complaints(certificate, host=security.host, uri=uri, now=now, trust=security.pki.trust())
    if security.server_uri and uri != security.server_uri:
        found.append(f"wrong application: the server is {uri}, expected {security.server_uri}")
    if not found:
        return
    kept = f"; kept as {_kept(security.pki, certificate)} for approval" if UNTRUSTED in found else ""
    raise Refused(f"server certificate {fingerprint(certificate)[:16]}: {'; '.join(found)}{kept}")


def _kept(pki: Pki, certificate: x509.Certificate) -> str:
    return f"{pki.directory.name}/rejected/{pki.reject(certificate).name}"


def _endpoint(endpoints: list[ua.EndpointDescription], uri: str, security: Security) -> ua.EndpointDescription:
    mode = ua.MessageSecurityMode[security.mode]
    for each in endpoints:
        if each.SecurityPolicyUri == uri and each.SecurityMode == mode and (each.EndpointUrl or "").startswith("opc.tcp"):
            return each
    offers = sorted({f"{(each.SecurityPolicyUri or '').rpartition('#')[2]} {each.SecurityMode.name.strip('_')}" for each in endpoints})
    raise Refused(f"the server does not offer {security.policy} {security.mode}; it offers {', '.join(offers) or 'nothing'}")


def explained(error: Exception, security: Security) -> Exception:
    """An error of opening a session in words of what to do about it."""
    code = error.code if isinstance(error, ua.UaStatusCodeError) else None
    if code in _USER_REFUSED:
        return Refused(f"the server refuses {f'user {security.user}' if security.user else 'us without another user'} (0x{code:08X})")
    if code in _US_REFUSED:
        return Refused(f"the server refuses our certificate or policy (0x{code:08X}): have pki/own approved there")
    return error
