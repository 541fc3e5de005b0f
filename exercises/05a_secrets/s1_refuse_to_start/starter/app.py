"""The shop's entry: configuration, then business."""

import os

from dotenv import load_dotenv

import shop

load_dotenv(override=True)

SECRET_KEY = os.environ.get("SECRET_KEY", "dev")
PAYMENTS_URL = os.environ.get("PAYMENTS_URL", "http://localhost:9000")
PORT = os.environ.get("PORT", "8000")

if __name__ == "__main__":
    print(f"starting with {SECRET_KEY=} {PAYMENTS_URL=} {PORT=}", flush=True)
    shop.serve(secret_key=SECRET_KEY, payments_url=PAYMENTS_URL, port=int(PORT))
