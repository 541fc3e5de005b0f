"""The schema, step by step; `guiche migrate` runs what is missing."""
