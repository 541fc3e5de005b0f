python -m doctest docs/page.txt || exit 1
mkdir -p site && cd site
PYTHONPATH=.. python -m pydoc -w tickets
