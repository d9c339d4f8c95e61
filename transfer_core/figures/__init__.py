"""Figures from plain data: Plotly figures and, beside each, its text alternative."""
