"""HTTP and sockets by aiohttp: listeners, the upgrade, the admin pages, the process."""
