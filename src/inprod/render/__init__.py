"""Data in, text out: four modules with the same functions (`text`, `html`, `json_`, `csv_`), all of them pure."""
