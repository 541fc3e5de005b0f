set -e
sphinx-build -q -W -b doctest docs doctest
sphinx-build -q -W -b html docs site
