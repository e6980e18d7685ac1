"""How much somebody may ask for: rates, credit, quotas, strikes, who is to blame."""
