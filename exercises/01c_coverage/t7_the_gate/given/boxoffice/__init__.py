"""A box office."""
