"""Figures of the reports: a result in, a plotly figure out. plotly is imported when one is made."""
