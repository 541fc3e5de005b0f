python - <<'PROGRAM'
import doctest, html, inspect, pathlib, sys

sys.path.insert(0, ".")
import tickets

names = ["price", "share"]
page = ["<h1>Tickets</h1>"]
for name in names:
    function = getattr(tickets, name)
    heading = html.escape(f"{name}{inspect.signature(function)}")
    page.append(f"<h2>{heading}</h2><p>{html.escape(inspect.getdoc(function))}</p>")
example = pathlib.Path("docs/page.txt").read_text()
page.append(f"<pre>{html.escape(example)}</pre>")
pathlib.Path("site").mkdir(exist_ok=True)
pathlib.Path("site/index.html").write_text("".join(page))
sys.exit(doctest.testfile("docs/page.txt", module_relative=False).failed)
PROGRAM
