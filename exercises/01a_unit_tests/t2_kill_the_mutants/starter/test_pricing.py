"""Tests for pricing.total(): one for each sentence of the specification."""

from pricing import total
