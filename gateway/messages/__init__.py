"""What machines, wires and app code say to each other: commands, publications, receipts, typed messages."""
