"""A certificate authority for one test, by the openssl command."""

import base64
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A server certificate; ``spki`` is the hash of its authority's key, by which a browser can be told to trust it."""

    certificate: Path
    key: Path
    authority: Path
    spki: str


def issue(folder: Path, domain: str) -> Certificate:
    """A certificate for a domain and every name directly below it, signed by an authority of its own."""
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    key, request, certificate = folder / "tls.key", folder / "tls.csr", folder / "tls.crt"
    extensions = folder / "tls.ext"
    extensions.write_text(f"subjectAltName=DNS:{domain},DNS:*.{domain}\nbasicConstraints=CA:FALSE\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl("req", "-x509", *curve, "-keyout", authority_key, "-out", authority, "-days", "2", "-subj", "/CN=Test CA")
    _openssl("req", *curve, "-keyout", key, "-out", request, "-subj", f"/CN={domain}")
    _openssl(
        *("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial"),
        *("-days", "2", "-extfile", extensions, "-out", certificate),
    )
    # nginx sends the authority along, so that a browser that trusts its key finds it in the chain.
    certificate.write_text(certificate.read_text() + authority.read_text())
    public = _openssl("x509", "-in", authority, "-pubkey", "-noout")
    der = base64.b64decode("".join(line for line in public.decode().splitlines() if "-----" not in line))
    return Certificate(certificate, key, authority, base64.b64encode(hashlib.sha256(der).digest()).decode())


def _openssl(*arguments: str | Path) -> bytes:
    command = ["openssl", *(str(argument) for argument in arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout
