"""Small programs that stand first on a host's PATH, so that what the operating system runs there meets the host and not this machine.

Three kinds: `sudo` (drops itself), programs that are played by the sandbox over its socket, and programs whose absolute paths are mapped
into the host's folder before the real one is started. They work as children of a runner as well as over SSH, and need nothing but PATH.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from sandbox.hosts.played import PLAYED, real_program
from sandbox.world import Host, World

_MAPPED = (
    "basename cat chmod cmp cp cut diff dirname du egrep fgrep file find grep head install ln ls md5sum mkdir mktemp mv readlink realpath"
    " rm rmdir sed sha256sum sort stat tail tar tee test touch truncate unlink wc"
)
_PLAYER = Path(__file__).with_name("player.py")

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
# The real program, with the host's absolute paths mapped into its folder.
name=${0##*/}
pattern=no
case $name in grep | egrep | fgrep | sed) pattern=yes ;; esac
count=$#
while [ "$count" -gt 0 ]; do
  argument=$1
  shift
  case $argument in
    ROOT/* | ROOT) ;;
    /proc/mounts | /proc/self/mounts) argument=ROOT/proc/mounts ;;
    /usr/* | /bin/* | /sbin/* | /lib* | /dev/* | /proc/* | /sys/*) ;;
    --*=/*) argument=${argument%%=*}=ROOT${argument#*=} ;;
    -*) ;;
    /*) [ $pattern = yes ] || argument=ROOT$argument ;;
  esac
  case $argument in -*) ;; *) pattern=no ;; esac
  set -- "$@" "$argument"
  count=$((count - 1))
done
exec "DIRECTORY/$name" "$@"
"""

_PLAY = """#!/bin/sh
# Played by the sandbox.
exec PYTHON -S -E -s PLAYER SOCKET HOST "${0##*/}" "$@"
"""


def write(world: World, host: Host, socket: Path) -> Path:
    """Writes the stand-ins of one host and answers the folder for its PATH."""
    folder = world.data / "stand-ins" / host.name
    folder.mkdir(parents=True, exist_ok=True)
    root = shlex.quote(str(host.root))
    _script(folder / "sudo", _SUDO.replace("ROOT", root))
    play = _PLAY.replace("PYTHON", shlex.quote(sys.executable)).replace("PLAYER", shlex.quote(str(_PLAYER)))
    play = play.replace("SOCKET", shlex.quote(str(socket))).replace("HOST", host.name)
    for name in PLAYED:
        _script(folder / name, play)
    for name in _MAPPED.split():
        if real := real_program(name):
            _script(folder / name, _MAP.replace("DIRECTORY", str(Path(real).parent)).replace("ROOT", root))
    return folder


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
