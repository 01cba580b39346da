"""The deadlines board: its pages and API, and the sources that belong to nobody else. The list itself is `estate.deadlines`'."""
