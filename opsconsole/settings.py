"""Settings, from environment variables only.

Every variable read here stands in the README's table; a test holds the two together. Nothing is read from a file in production but what a
variable names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ

from opsconsole import logs

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SITE_URL = env.str("SITE_URL", default="http://localhost:8000")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = [SITE_URL]
TRUSTED_PROXY = env.list("TRUSTED_PROXY", default=[])  # uvicorn is told the same: from these alone it takes who asks, and how
if TRUSTED_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
OBSERVE = env.bool("OBSERVE", default=False)  # nothing outside is changed; remote.observing holds it
CODE_VERSION = env.str("CODE_VERSION", default="0.1.0")  # stands in every plan: which code made it
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".demo")))

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "django_rq",
    "django_htmx",
    "csp",
    "ninja",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "live",
    "people",
    "people.notifications",
    "estate",
    "runs",
    "monitoring",
    "monitoring.dashboards",
    "monitoring.board",
    "monitoring.alarms",
    "monitoring.deadlines",
    "deployments",
    "access",
    "handover",
    "opsconsole",
]
MIDDLEWARE = [
    "opsconsole.logs.RequestId",
    "opsconsole.health.ByAnyName",
    "django.middleware.security.SecurityMiddleware",
    "opsconsole.static_files.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "opsconsole.nul.RefuseNul",
    "people.origin.KnowsOrigin",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "people.sessions.AsksToSignIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "people.sessions.KeepsLimits",
]
ROOT_URLCONF = "opsconsole.urls"
ASGI_APPLICATION = "opsconsole.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "builtins": ["opsconsole.templatetags.words"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "opsconsole.context.shell",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"],  # allauth's own
                )
            ],
        },
    }
]

# -- Where facts are kept. The database is the truth; Redis is a doorbell.
STATEMENT_SECONDS = env.float("STATEMENT_SECONDS", default=30.0)
DATABASE_POOL = env.int("DATABASE_POOL", default=0)
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'console.sqlite3'}")
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction takes the write lock when it begins, so that it waits for it instead of failing half way.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    # A statement, a wait for a row, a transaction that does nothing: each ends after so long, with its locks, on the server, too. So
    # whoever was stopped or cut off in mid-transaction keeps nobody from taking over; and of two machines that are cut off from
    # one another each notices it after some ten seconds.
    LIMIT = round(1000 * STATEMENT_SECONDS)
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        options=f"-c statement_timeout={LIMIT} -c idle_in_transaction_session_timeout={LIMIT}"
        " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=10s"
        " -c client_connection_check_interval=5s",
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
    )
    if DATABASE_POOL:  # in web processes alone: they answer each request in a thread of its own, and nothing forks there
        DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # a connection that died with its server is not lent to anybody
        DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 5}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.str("REDIS_URL", default="unix:///run/redis/redis-server.sock?db=0")
LIVE_REDIS_URLS = env.list("LIVE_REDIS_URLS", default=[])  # those that carry the live frames, each its channels; none: REDIS_URL
RQ_QUEUES = {"runs": {"URL": REDIS_URL, "SERIALIZER": "rq.serializers.JSONSerializer", "DEFAULT_TIMEOUT": 3600}}
RQ_SHOW_ADMIN_LINK = False

# -- The estate, and the doors to it
ESTATE_FILE = Path(env.str("ESTATE_FILE", default=str(BASE_DIR / "estate.yaml")))
SSH_CONFIG = env.str("SSH_CONFIG", default="")
HAS_RUNDECK_TOKEN = bool(env.str("RUNDECK_TOKEN", default=""))  # the token itself is read where it is sent, and kept nowhere
SSH_BROKER = env.str("SSH_BROKER", default="")  # the unix socket of the process that owns the SSH connections

# -- The engine (seconds). Faults are tested with smaller values, so that a test need not wait for real minutes.
LEASE_SECONDS = env.float("LEASE_SECONDS", default=20.0)
TICK_SECONDS = env.float("TICK_SECONDS", default=60.0)  # how long one tick may follow a run before it hands over to the next
STEP_SECONDS = env.float("STEP_SECONDS", default=3600.0)  # after that a step has failed, or waits for a person
RING_SECONDS = env.float("RING_SECONDS", default=2.0)  # how often the scheduler looks for runs that wait
POLL_ACTIVE_SECONDS = env.float("POLL_ACTIVE_SECONDS", default=1.0)  # Beanstalk, while a run is on it
POLL_IDLE_SECONDS = env.float("POLL_IDLE_SECONDS", default=10.0)
PROBE_SECONDS = env.float("PROBE_SECONDS", default=1.0)  # the shop, from outside
ALARM_POLL_SECONDS = env.float("ALARM_POLL_SECONDS", default=60.0)  # CloudWatch's alarms and their history, for all viewers together
# certificates of SNS are taken from there alone
SNS_CERTIFICATE_HOST = env.str("SNS_CERTIFICATE_HOST", default="sns.eu-west-3.amazonaws.com")

# -- How long, in days, what is seen is kept; 0: for ever. Runs, plans and the audit trail are, whatever stands here.
KEEP_LOG_DAYS = env.int("KEEP_LOG_DAYS", default=730)
KEEP_EVIDENCE_DAYS = env.int("KEEP_EVIDENCE_DAYS", default=730)
KEEP_EVENT_DAYS = env.int("KEEP_EVENT_DAYS", default=1825)
KEEP_ALARM_DAYS = env.int("KEEP_ALARM_DAYS", default=1825)
KEEP_OBSERVATION_DAYS = env.int("KEEP_OBSERVATION_DAYS", default=730)
KEEP_NOTIFICATION_DAYS = env.int("KEEP_NOTIFICATION_DAYS", default=365)

# -- People
AUTH_USER_MODEL = "people.Operator"
LOGIN_URL = "people:sign-in"
LOGIN_REDIRECT_URL = "now"
LOGOUT_REDIRECT_URL = "people:sign-in"
AUDIT_BUCKET = env.str("AUDIT_BUCKET", default="")
PERSON_DAYS = env.int("PERSON_DAYS", default=730)
AUDIT_KEY = env.str("AUDIT_KEY", default="")  # "": one that is made at first use, in DATA_DIR
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 24 * 3600  # how long a one-time link is good; pages and docs say a day
SECOND_FACTOR = env.bool("SECOND_FACTOR", default=True)  # without it the console does not start behind https
IDLE_MINUTES = env.float("IDLE_MINUTES", default=30.0)  # nothing done for so long, and a session ends
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
EMAIL_URL = env.str("EMAIL_URL", default="")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="ops-console@localhost")
NOTIFY_TARGETS: dict[str, str] = env.json("NOTIFY_TARGETS", default={})
BEHIND_TLS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_NAME = "__Host-session" if BEHIND_TLS else "sessionid"  # bound to this very host, and to https
CSRF_COOKIE_NAME = "__Host-csrf" if BEHIND_TLS else "csrftoken"
ACCOUNT_ADAPTER = "people.single_sign_on.Accounts"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
MFA_ADAPTER = "people.second_factor.SecondFactors"
MFA_FORMS = {
    "login_webauthn": "people.forms.PasskeyForm",
    "authenticate_webauthn": "people.forms.KeyForm",
    "reauthenticate_webauthn": "people.forms.KeyAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "Ops Console"
MFA_TOTP_TOLERANCE = 1  # clocks of telephones
MFA_ALLOW_UNVERIFIED_EMAIL = True
# -- Single sign-on, where there is a provider
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
OIDC_NAME = env.str("OIDC_NAME", default="Single sign-on")
OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", default="groups")
OIDC_ROLES = env.dict("OIDC_ROLES", default={})  # group=role,group=role
SOCIALACCOUNT_ADAPTER = "people.single_sign_on.SingleSignOn"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": OIDC_NAME,
                "client_id": env.str("OIDC_CLIENT_ID", default=""),
                "secret": env.str("OIDC_CLIENT_SECRET", default=""),
                "settings": {"server_url": OIDC_ISSUER},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}
SECURE_SSL_REDIRECT = False
# The proxy leads http to https; and the console speaks for its own host, not for others of the client's domain.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# -- Words, times, files
LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
SENTRY_DSN = env.str("SENTRY_DSN", default="")  # opsconsole.sentry
LOGGING = logs.configuration(env.str("LOG_FORMAT", default="text"), env.str("LOG_LEVEL", default="INFO"))
NINJA_PAGINATION_MAX_LIMIT = 1000
