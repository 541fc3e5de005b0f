"""python -m guiche.provider --port N"""

from __future__ import annotations

import argparse
import os

from guiche import logs


def main() -> None:
    """Serve on 127.0.0.1 until a signal ends it; WEBHOOK_URL and WEBHOOK_KEY say whom to tell."""
    parser = argparse.ArgumentParser(
        prog="python -m guiche.provider",
        description="A payment provider that records every charge in memory.",
        epilog="example: WEBHOOK_URL=http://127.0.0.1:8000/webhooks/payments WEBHOOK_KEY=… "
        "python -m guiche.provider --port 8100",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="where to listen")
    wanted = parser.parse_args()
    logs.configure(os.environ.get("LOG_LEVEL", "INFO"))

    import uvicorn

    from guiche.provider.app import create_app
    from guiche.provider.webhooks import Webhooks

    webhooks = Webhooks(os.environ.get("WEBHOOK_URL", ""), os.environ.get("WEBHOOK_KEY", ""))
    # Our lines are JSON: uvicorn's own configuration of logs would replace that.
    uvicorn.run(create_app(webhooks), host=wanted.host, port=wanted.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
