"""Pushes to browsers: one subscription a web process, numbered frames to its viewers. A frame is a hint; the database is the truth."""
