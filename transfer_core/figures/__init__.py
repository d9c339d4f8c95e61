"""Plotly figures drawn from plain data, each with a text alternative."""
