"""VPN users from the wish to the proof that somebody is out. The server's own index is the truth; the register says who it is about."""
