"""Accuracy tables that ship with chiploom; `README.md` says how each was measured."""
