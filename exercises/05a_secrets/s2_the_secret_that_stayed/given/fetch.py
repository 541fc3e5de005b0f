"""Part of the image's build: fetches the seat maps, which the provider gives only to its customers."""

from pathlib import Path

KEY = Path("/run/secrets/payments_key").read_text().strip()
print(f"fetching with a key of {len(KEY)} characters")
