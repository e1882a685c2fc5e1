"""A module for each command; `chiploom.cli` puts them together."""
