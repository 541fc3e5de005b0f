"""Guichê over HTTP."""
