"""Small programs that stand first on a host's PATH, so that what the operating system runs there meets the host and not this machine.

Four kinds: `sudo` (drops itself), programs that are played by the sandbox over its socket, programs whose absolute paths are mapped
into the host's folder before the real one is started, and the little of `openssl` and `socat` that is needed, where they are not installed.
They work as children of a runner as well as over SSH, and need nothing but PATH.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from sandbox.hosts.paths import FOLLOWING
from sandbox.hosts.played import ONLY_WITH, PLAYED, real_program
from sandbox.world import Host, World

_MAPPED = (
    "basename cat chmod cmp cp cut diff dirname du egrep fgrep file find grep head install ln ls md5sum mkdir mktemp mv readlink realpath"
    " rm rmdir sed sha256sum sort stat tail tar tee test touch truncate unlink wc"
)
_PLAYER = Path(__file__).with_name("player.py")
_SOCAT = Path(__file__).with_name("socat.py")
_AUTHORITY = Path(__file__).parents[1] / "vpn/authority.py"

_SUDO = """#!/bin/sh
# sudo, without another user: everything in the sandbox is one person's.
while [ $# -gt 0 ]; do
  case $1 in
    -u | -g | -C | --user | --group) shift 2 ;;
    --) shift; break ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || exit 1
case $1 in
  /usr/bin/* | /bin/* | /usr/sbin/* | /sbin/*) program=${1##*/} ;;
  ROOT/* | [!/]*) program=$1 ;;
  *) program=ROOT$1 ;;
esac
shift
exec "$program" "$@"
"""

_MAP = """#!/bin/sh
# The real program, with the host's absolute paths mapped into its folder, and the folder's name taken out of what it prints.
# Where no path had to be mapped (a script of the host that prefixes its own), it is the real program and nothing else.
real=DIRECTORY/${0##*/}
pattern=no
case ${0##*/} in grep | egrep | fgrep | sed) pattern=yes ;; esac
changed=no
count=$#
while [ "$count" -gt 0 ]; do
  argument=$1
  shift
  case $argument in
    ROOT/* | ROOT) ;;
    /proc/mounts | /proc/self/mounts) argument=ROOT/proc/mounts changed=yes ;;
    /proc/stat) argument=ROOT/proc/stat changed=yes ;;
    /usr/* | /bin/* | /sbin/* | /lib* | /dev/* | /proc/* | /sys/*) ;;
    --*=/*) argument=${argument%%=*}=ROOT${argument#*=} changed=yes ;;
    -*) ;;
    /*) [ $pattern = yes ] || { argument=ROOT$argument changed=yes; } ;;
  esac
  case $argument in -*) ;; *) pattern=no ;; esac
  set -- "$@" "$argument"
  count=$((count - 1))
done
[ $changed = yes ] || exec "$real" "$@"
FOLLOWING
exec 3>&1
code=$({ { { { "$real" "$@" 3>&- 4>&- 5>&-; echo $? >&4; } 2>&1 >&5 | sed -u UNMAP >&2; } 5>&1 | sed -u UNMAP >&3; } 4>&1; })
exit "$code"
"""

_PLAY = """#!/bin/sh
# Played by the sandbox.
exec PYTHON -I -S PLAYER SOCKET HOST "${0##*/}" "$@"
"""


def write(world: World, host: Host, socket: Path) -> Path:
    """Writes the stand-ins of one host and answers the folder for its PATH."""
    folder = world.data / "stand-ins" / host.name
    folder.mkdir(parents=True, exist_ok=True)
    root = shlex.quote(str(host.root))
    unmap = shlex.quote(f"s|{re.escape(str(host.root))}||g")
    _script(folder / "sudo", _SUDO.replace("ROOT", root))
    play = _PLAY.replace("PYTHON", shlex.quote(sys.executable)).replace("PLAYER", shlex.quote(str(_PLAYER)))
    play = play.replace("SOCKET", shlex.quote(str(socket))).replace("HOST", host.name)
    for name in PLAYED.keys() - ONLY_WITH.keys():
        _script(folder / name, play)
    for name in _MAPPED.split():
        if real := real_program(name):
            _script(
                folder / name,
                _MAP.replace("#!/bin/sh\n", _played_first(name, play), 1)
                .replace("DIRECTORY", str(Path(real).parent))
                .replace("UNMAP", unmap)
                .replace("ROOT", root)
                .replace("FOLLOWING", _following(name)),
            )
    for name, program in (("openssl", (str(_AUTHORITY), "openssl")), ("socat", (str(_SOCAT),))):
        if not real_program(name):
            _script(folder / name, f'#!/bin/sh\nexec {shlex.join((sys.executable, "-I", *program))} "$@"\n')
    return folder


def _played_first(name: str, play: str) -> str:
    """With some arguments it is played all the same."""
    if name not in ONLY_WITH:
        return "#!/bin/sh\n"
    return f'#!/bin/sh\ncase "$1 $2" in {shlex.quote(" ".join(ONLY_WITH[name]))}) {play.splitlines()[-1]} ;; esac\n'


def _following(name: str) -> str:
    return f'set -- {FOLLOWING[name]} "$@"' if name in FOLLOWING else ":"


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
