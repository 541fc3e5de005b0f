"""Tests of guiche.web."""
