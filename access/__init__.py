"""Who may come in: VPN users and the gateway's allow-list; and what is exposed to whom."""
