"""The shop's entry: everything is read where it is used."""

import os

from dotenv import load_dotenv

import shop

load_dotenv()

if __name__ == "__main__":
    shop.serve(
        secret_key=os.environ.get("SECRET_KEY"),
        payments_url=os.environ.get("PAYMENTS_URL"),
        port=int(os.environ["PORT"]),
    )
