"""What an application holds and declares: `Gateway`, routes and routers, topics, handles, injection."""
