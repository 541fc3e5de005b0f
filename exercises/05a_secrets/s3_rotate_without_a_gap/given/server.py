"""One instance of the shop: it gives every message to `webhooks.receive`."""

import json
import os
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """A thread for each request."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            headers: Any = self.headers
            status = webhooks.receive(headers, body)
            if not isinstance(status, int) or not 200 <= status < 600:
                raise TypeError(f"receive() returned {status!r}, no HTTP status")
        except Exception:
            traceback.print_exc()
            status = 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Nobody reads it."""


class Server(ThreadingHTTPServer):
    """Room for many callers at once."""

    request_queue_size = 256
    daemon_threads = True


if __name__ == "__main__":
    import webhooks

    server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
    print("server: " + json.dumps({"folder": str(Path.cwd())}), flush=True)
    server.serve_forever()
