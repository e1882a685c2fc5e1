"""Results in a form that people and other programs read: tables, CSV, dumps."""
