"""The benchmark: `python -m bench`. Nothing of the product imports it."""
