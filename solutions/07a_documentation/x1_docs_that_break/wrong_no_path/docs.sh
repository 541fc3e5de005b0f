set -e
pytest -q -p no:cacheprovider --doctest-glob='*.txt' docs
zensical build --strict
