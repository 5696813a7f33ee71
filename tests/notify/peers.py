"""Other systems as tests need them: a web server on loopback whose every byte the test decides."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Peer:
    """Takes requests and answers each by the next of `answers` (the last one again and again).

    An answer is a status line's rest ("410 Gone"), bytes sent as they are, or a function of the connection.
    """

    def __init__(self, context=None):
        self.answers, self.requests, self.connections = ["200 OK"], [], 0
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                wire, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(wire,), daemon=True).start()

    def _answer(self, wire):
        try:
            if self._context is not None:
                wire = self._context.wrap_socket(wire, server_side=True)
            head, _, body = _until(wire, b"\r\n\r\n").partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            while len(body) < int(headers.get("content-length", 0)):
                body += wire.recv(65536)
            self.requests.append((lines[0], headers, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if callable(answer):
                answer(wire)
            elif isinstance(answer, bytes):
                wire.sendall(answer)
            else:
                status, _, more = answer.partition("\n")
                wire.sendall(f"HTTP/1.1 {status}\r\n{more}Content-Length: 5\r\n\r\nhello".encode())
        except OSError:  # the portal hung up
            pass
        finally:
            wire.close()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)  # or whoever waits for a connection takes one more
        self._socket.close()


def _until(wire, end):
    got = b""
    while end not in got:
        more = wire.recv(65536)
        if not more:
            break
        got += more
    return got


@contextmanager
def peer(context=None):
    one = Peer(context)
    try:
        yield one
    finally:
        with suppress(OSError):  # closed already
            one.close()


def drip(beginning=b"", piece=b"x", every=0.05):
    """An answer that never ends and never stops for long."""

    def answer(wire):
        wire.sendall(beginning)
        for _ in range(200):
            wire.sendall(piece)
            time.sleep(every)

    return answer


def endless(counted):
    """A body without end, as fast as it is taken; `counted` gets the bytes sent."""

    def answer(wire):
        wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        block = b"x" * 65536
        while len(counted) < 16384:  # 1 GB, if anybody took it
            wire.sendall(block)
            counted.append(len(block))

    return answer


def certificate(folder, name):
    """A self-signed certificate of a name: (path of it with its key, a server's context)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + made.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context
