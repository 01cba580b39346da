#!/bin/sh
# What the console may look at as root on the gateway; it changes nothing. Installed as /opt/opsconsole/gateway.
#
#   report     HAProxy's configuration, whether it is valid, its statistics
#
# OPSCONSOLE_ROOT is put before absolute paths, for an image's staging root; sudo takes it out of the environment.

set -f
unset IFS CDPATH ENV
LC_ALL=C
export LC_ALL
root=${OPSCONSOLE_ROOT:-}
config=$root/etc/haproxy/haproxy.cfg

section() { printf '\036%s\n' "$*"; }

ask() {
    socket=$(awk '$1 == "stats" && $2 == "socket" { print $3; exit }' "$config" 2>/dev/null)
    case $socket in
        /*) { printf '%s\n' "$1"; } | (cd "$root${socket%/*}" 2>/dev/null && socat -t 3 - "UNIX-CONNECT:${socket##*/}") 2>/dev/null ;;
    esac
}

[ "$#" -eq 1 ] && [ "$1" = report ] || {
    echo "refused: the one verb is report"
    exit 64
}
section program "$(sha256sum <"$0" | cut -d" " -f1)"
section now "$(date +%s)"
section service "$(systemctl is-active haproxy 2>/dev/null)"
section config
cat "$config" 2>/dev/null
haproxy=$(command -v haproxy || command -v /usr/sbin/haproxy)
section valid "$([ -n "$haproxy" ] && { "$haproxy" -c -f "$config" >/dev/null 2>&1 && echo yes || echo no; })"
section stat
ask 'show stat'
section info
ask 'show info'
section end
