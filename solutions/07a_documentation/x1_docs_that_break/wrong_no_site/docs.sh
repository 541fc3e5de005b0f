sphinx-build -W -b doctest docs site
