set -e
sphinx-build -b doctest docs doctest
sphinx-build -b html docs site
