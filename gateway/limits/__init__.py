"""How much somebody may ask for: rates, credit, quotas, strikes, names, who is to blame."""
