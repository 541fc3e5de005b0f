set -euo pipefail
python -m pytest -q -p no:cacheprovider --doctest-glob='*.txt' docs
zensical build --strict
