"""The FTP account of Custom Connection: its age, a new password by a run and shown once, and what has to be right around it."""
