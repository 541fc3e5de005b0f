"""Tests for pricing.total(): one for each sentence of the specification, for a start."""

from pricing import total
