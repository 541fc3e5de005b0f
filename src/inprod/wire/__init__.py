"""What travels between the processes of a check: framed JSON, and values without behaviour."""
