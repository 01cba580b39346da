"""Sends one mail by SMTP. What it says is the caller's; the server is named by the settings."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from remote.errors import Denied, Refused, RemoteError, Throttled, Unanswered, Unreachable

_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def send(server: str, *, sender: str, to: str, subject: str, text: str, deadline: float = 10.0) -> None:
    """`server` is smtp://, smtp+tls:// or smtps:// with user and password where it wants them. Raises RemoteError.

    It is Unanswered where the server may have taken the mail.
    """
    parts = urlsplit(server)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Refused("EMAIL_URL names no mail server", "Write it as smtp://HOST:PORT, smtp+tls:// or smtps://.")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, " ".join(subject.split())
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2] or None)
    message.set_content(text)
    where = f"the mail server {parts.hostname}"
    try:
        _hand_over(message, parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], parts.username, parts.password, deadline)
    except (smtplib.SMTPException, OSError) as error:
        raise _translated(error, where) from error


def _hand_over(message: EmailMessage, scheme: str, host: str, port: int, user: str | None, password: str | None, deadline: float) -> None:
    context = ssl.create_default_context()
    if scheme == "smtps":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=deadline, context=context)
    else:
        connection = smtplib.SMTP(host, port, timeout=deadline)
    with connection:
        if scheme == "smtp+tls":
            connection.starttls(context=context)
        if user:
            connection.login(unquote(user), unquote(password or ""))
        connection.send_message(message)


def _translated(error: Exception, where: str) -> RemoteError:
    match error:
        case smtplib.SMTPAuthenticationError():
            return Denied(f"{where} refuses the user of EMAIL_URL", "Look at its user and password.")
        case smtplib.SMTPRecipientsRefused() | smtplib.SMTPSenderRefused():
            return Refused(f"{where} refuses the address", "Look at the address, and at DEFAULT_FROM_EMAIL.")
        case smtplib.SMTPResponseException(smtp_code=code) if 400 <= code < 500:
            return Throttled(f"{where} is busy ({code})", "It is tried again by itself.")
        case smtplib.SMTPServerDisconnected() | TimeoutError():
            return Unanswered(f"{where} went away", "Look whether the mail has come; it is tried again by itself.")
        case smtplib.SMTPException():
            return Refused(f"{where} refuses the mail ({type(error).__name__})", "Look at the log of the mail server.")
        case _:
            return Unreachable(f"No connection to {where} ({error})", "Check EMAIL_URL and the network.")
