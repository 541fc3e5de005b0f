sphinx-build -W -q docs site
