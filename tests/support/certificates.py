"""Certificates of hosts that exist in tests alone."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificate(file: Path, host: str) -> Path:
    """Write a new key and the self-signed certificate of `host`, its own authority, as PEM; returns `file`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


def tls_server(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class Authority:
    """A root and an intermediate authority that sign certificates of localhost, as public ones do.

    file: the root's certificate, PEM.
    """

    def __init__(self, folder: Path) -> None:
        self._root_key, self._key = _key(), _key()
        root = _certificate("Root", self._root_key, "Root", self._root_key, is_authority=True)
        self._intermediate = _certificate("Intermediate", self._key, "Root", self._root_key, is_authority=True)
        self.file = folder / "root.pem"
        self.file.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def certify(
        self,
        file: Path,
        host: str = "localhost",
        valid: timedelta = timedelta(hours=1),
        *,
        is_self_signed: bool = False,
        is_chain_whole: bool = True,
    ) -> Path:
        """Write a key and the certificates to be served with it; returns `file`. valid: from now on."""
        key = _key()
        issuer, issuer_key = (host, key) if is_self_signed else ("Intermediate", self._key)
        chain = [_certificate(host, key, issuer, issuer_key, valid=valid)]
        if is_chain_whole and not is_self_signed:
            chain.append(self._intermediate)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))
        return file


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    valid: timedelta = timedelta(hours=1),
    is_authority: bool = False,
) -> x509.Certificate:
    def named(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(named(issuer), named(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
