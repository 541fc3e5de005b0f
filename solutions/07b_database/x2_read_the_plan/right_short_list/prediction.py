"""Those that use an index."""

PREDICTION = ["orders of a customer", "email in small letters", "beginning of a key"]
