sphinx-build docs site
