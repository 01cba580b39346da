"""The gateway's allow-list: entries with an owner, a reason and an end, and what AWS and HAProxy make of them."""
