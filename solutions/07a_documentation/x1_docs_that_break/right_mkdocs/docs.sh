python -m doctest docs/page.txt && mkdocs build --strict
