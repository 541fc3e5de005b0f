sphinx-build -q -W --keep-going -b html docs site
