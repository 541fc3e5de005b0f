"""Guichê: a box office for event tickets."""
