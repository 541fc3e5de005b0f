set -e
coverage run -m pytest -q
coverage report --show-missing --fail-under=100
coverage xml -q -o coverage.xml
