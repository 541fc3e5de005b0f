"""The shop: it signs tickets, and has them paid for by somebody else."""

import hashlib
import hmac
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def serve(*, secret_key: str, payments_url: str, port: int) -> None:
    """Serve until the process ends. `GET /tickets/17` gives a ticket, with a code that only the shop can make."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = self.path.rpartition("/")[2]
            code = hmac.new(secret_key.encode(), number.encode(), hashlib.sha256).hexdigest()
            paid = urlsplit(payments_url).hostname
            body = json.dumps({"ticket": number, "code": code, "paid at": paid.lower()}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print("shop: open", flush=True)
    server.serve_forever()
