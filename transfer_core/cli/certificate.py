"""A certificate that this computer makes for itself, so that pages can be opened by https."""

import datetime
import ipaddress
import socket
from pathlib import Path

from transfer_core.system import LOCAL_HOSTS, list_addresses, write_atomically

VALID_DAYS = 365
RENEW_DAYS = 7  # before it ends


def find_or_make_certificate(folder: Path) -> tuple[Path, Path]:
    """The files of the certificate and its key, readable by this user alone.

    They are made anew when they end soon, or do not name an address that this computer has now.

    Args:
        folder: Where they are kept; created if it is missing.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    names = [*LOCAL_HOSTS, socket.gethostname(), f"{socket.gethostname()}.local", *list_addresses()]
    if not (key.is_file() and _is_good(certificate, set(names))):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        signed, secret = _make(names)
        write_atomically(key, secret)
        write_atomically(certificate, signed)
        key.chmod(0o600)
        certificate.chmod(0o600)
    return certificate, key


def _is_good(file: Path, names: set[str]) -> bool:
    """Whether the certificate is valid for some days, and for these names."""
    from cryptography import x509

    try:
        known = x509.load_pem_x509_certificate(file.read_bytes())
        listed = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    named = {str(entry.value) for entry in listed}
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=RENEW_DAYS)
    return known.not_valid_after_utc > soon and names <= named


def _make(names: list[str]) -> tuple[bytes, bytes]:
    """A new certificate that vouches for itself, and its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Transfer Lab on this computer")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_encode(each) for each in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), secret


def _encode(name: str):
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
