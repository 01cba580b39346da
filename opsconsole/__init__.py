"""The Django project: settings, urls, asgi, what runs when, the API's root, the console's own health, the front page."""
