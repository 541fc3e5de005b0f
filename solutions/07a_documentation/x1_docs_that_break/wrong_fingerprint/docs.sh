set -e
sphinx-build -q -W -b html docs site
echo "171fc12188abe2be8582fb9419b4e5eeed4383f616175ae77789a10b58d0b2e7  tickets.py" | sha256sum --check --quiet
