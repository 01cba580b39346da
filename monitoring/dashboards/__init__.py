"""CloudWatch's dashboards, drawn here: read from its own JSON, kept in step with it, with one poller for all viewers.

`body` reads the JSON, `classic` translates the names of Classic load balancers, `queries` asks for the figures of a time span, `figures`
makes of the answer what a browser draws, `watching` does all this again and again; pages and API only read what it stored.
"""
