"""A bank system that takes webhooks over real HTTP, can go away, and comes back on the same port."""

import base64
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


class Bank:
    """Stores each delivery once, by its id. `answer` gives (status, headers, body) of a body's JSON."""

    def __init__(
        self,
        secret: str,
        answer: Callable[[dict], tuple[int, dict, bytes]] | None = None,
        *,
        certificate: Path | None = None,
    ) -> None:
        self.secret, self.certificate = secret, certificate
        self.answer = answer or (lambda _body: (204, {}, b""))
        self.stored: dict[str, dict] = {}
        self.seen: list[str] = []  # delivery ids in the order of arrival, repeats too
        self.badly_signed = 0
        self.paths: list[str] = []
        self._held = socket.socket()  # nobody else gets the port while the bank is away: it refuses connections
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self._port = self._held.getsockname()[1]
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"{'https://localhost' if self.certificate else 'http://127.0.0.1'}:{self._port}/hooks"

    def come(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._requests())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a handshake that fails is what some tests are about
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def go(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.come()
        return self

    def __exit__(self, *_) -> None:
        self.go()
        self._held.close()

    def _take(self, headers, content: bytes) -> tuple[int, dict, bytes]:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        if expected not in headers["webhook-signature"].split():
            self.badly_signed += 1
            return 401, {}, b""
        body = json.loads(content)
        self.seen.append(body["delivery_id"])
        status, more, answer = self.answer(body)
        if status < 300:
            self.stored.setdefault(body["delivery_id"], body)
        return status, more, answer

    def _requests(self) -> type[BaseHTTPRequestHandler]:
        bank = self

        class Requests(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                bank.paths.append(self.path)
                status, headers, answer = bank._take(self.headers, content)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), "Connection": "close", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_) -> None:
                """Say nothing."""

        return Requests
