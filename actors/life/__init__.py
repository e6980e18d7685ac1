"""How a life begins, fails, is mended and ends; `lifecycle` carries out what the system lane says."""
