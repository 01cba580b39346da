"""Telling people: `notify` stores what happened, in the caller's transaction, and a duty of the scheduler delivers it.

Who hears of what, by which channel and at which hours is `channels`; how it is sent is `delivery`.
"""

from people.notifications.telling import notify

__all__ = ["notify"]
