"""The console's settings in tests: the same, but for where facts are kept and how slowly a password is hashed.

Every process of a test run has its own folder, and nothing of it is left behind.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

_data = f"{tempfile.gettempdir()}/opsconsole-tests-{os.getpid()}"
if "pytest" in sys.modules:  # the type checker reads these settings, too, and would leave the folder behind
    os.mkdir(_data, 0o700)
    os.mkdir(f"{_data}/staticfiles")  # whitenoise warns where there is none
    atexit.register(shutil.rmtree, _data, ignore_errors=True)
    with open(f"{_data}/ssh_config", "w") as _config:  # git is a process of its own: no name that it is given is looked up anywhere
        _config.write("Host *\n    HostName 127.0.0.1\n    Port 1\n")
os.environ["DATA_DIR"] = _data
os.environ["SSH_CONFIG"] = f"{_data}/ssh_config"
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ["REDIS_URL"] = f"unix://{_data}/nobody-listens"  # whoever needs Redis asks for the fixture
os.environ.pop("LIVE_REDIS_URLS", None)
os.environ["SENTRY_DSN"] = ""  # no test's fault is told to anybody
os.environ["SITE_URL"] = "http://testserver"
os.environ["SECOND_FACTOR"] = "off"  # as in the demo; its own tests turn it on
os.environ["ALLOWED_HOSTS"] = "testserver,localhost,127.0.0.1"

from opsconsole.settings import *  # noqa: E402, F403
from opsconsole.settings import DATA_DIR, DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in the demo: an in-memory database would behave otherwise under threads.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
