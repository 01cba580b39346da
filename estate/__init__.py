"""What there is: environments, services, hosts, and what was last observed of them."""
