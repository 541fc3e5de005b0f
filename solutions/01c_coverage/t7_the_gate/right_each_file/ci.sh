set -euo pipefail
coverage run -m pytest -q
coverage json -q -o coverage.json
python - <<'END'
import json, sys

with open("coverage.json") as report:
    files = json.load(report)["files"]
package = {name: file for name, file in files.items() if name.startswith("boxoffice")}
if not package:
    sys.exit("nothing was measured")
for name, file in package.items():
    for line in file["missing_lines"]:
        print(f"{name}:{line}: no test runs this line")
    for start, end in file["missing_branches"]:
        print(f"{name}:{start}: no test goes from here to line {end}")
sys.exit(
    any(f["missing_lines"] or f["missing_branches"] for f in package.values())
)
END
