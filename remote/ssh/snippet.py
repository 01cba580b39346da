"""The runner as an .ebextensions file: Beanstalk puts it on every host that it makes, with the one line that lets the console's key use it.

Pure: the script and what differs between installations in, the file's text out.
"""

from __future__ import annotations

import hashlib
import shlex
import textwrap

PLACE = "/opt/opsconsole/runner"
STATE = "/var/lib/opsconsole"
KEY, ADDRESS = "ssh-ed25519 AAAA-THE-CONSOLES-PUBLIC-KEY ops-console", "CONSOLE-ADDRESS"  # to be replaced in the file that ships


def ebextension(script: str, *, public_key: str = KEY, address: str = ADDRESS, user: str = "ec2-user") -> str:
    """`script` is written inline: a new host needs nothing but Beanstalk to get it, and its sha256 is compared before it is used."""
    sha256 = hashlib.sha256(script.encode()).hexdigest()
    home = f"/home/{user}/.ssh"
    line = f'restrict,command="{PLACE}",from="{address}" {public_key}'
    commands = {
        "01_check": f"echo {shlex.quote(f'{sha256}  {PLACE}.new')} | sha256sum -c - && mv {PLACE}.new {PLACE}",
        "02_state": f"install -d -m 0700 -o {user} -g {user} {STATE}",
        "03_key": f"install -d -m 0700 -o {user} -g {user} {home} && touch {home}/authorized_keys && chown {user}: {home}/authorized_keys"
        f" && chmod 0600 {home}/authorized_keys"
        f" && {{ grep -qxF {shlex.quote(line)} {home}/authorized_keys || echo {shlex.quote(line)} >> {home}/authorized_keys; }}",
    }
    return (
        "# Written by `manage.py runner_snippet` from remote/ssh/runner.sh; docs/hosts.md says where it goes.\n"
        f"# runner sha256 {sha256}\n"
        "files:\n"
        f'  "{PLACE}.new":\n'
        '    mode: "000755"\n'
        "    owner: root\n"
        "    group: root\n"
        "    content: |\n"
        f"{textwrap.indent(script, '      ')}"
        "commands:\n" + "".join(f"  {name}:\n    command: |\n      {command}\n" for name, command in commands.items())
    )
