#!/bin/sh
# What the console may do as root about the FTP account on Custom Connection's host. Installed as /opt/opsconsole/ftp.
#
#   report USER GROUP   the account, the age of its password, its group, the modes of the web root
#   rotate USER KEY     a new password, once for each key; it lies here, root's alone, until it is shown
#   show KEY            the password of that key, once: it is gone with the answer
#
# The password is made here. It is in no argument, no log, and nowhere else. OPSCONSOLE_ROOT is put before absolute paths, for an image's staging
# root; sudo takes it out of the environment.

set -f
unset IFS CDPATH ENV
umask 077
LC_ALL=C
export LC_ALL
root=${OPSCONSOLE_ROOT:-}
app=$root/var/app/current
kept=$root/var/lib/opsconsole-ftp

refuse() {
    echo "refused: $*"
    exit 64
}

check_word() { # an account, a group, a key
    case $1 in
        '' | [!a-z_0-9]* | *[!a-z0-9_-]* | ?????????????????????????????????*) refuse "a name has a-z 0-9 _ - and 32 characters at most" ;;
    esac
}

section() { printf '\036%s\n' "$*"; }

report() {
    section program "$(sha256sum <"$0" | cut -d" " -f1)"
    section now "$(date +%s)"
    section passwd "$(getent passwd "$1")"
    section group "$(getent group "$2")"
    section changed "$(awk -F: -v user="$1" '$1 == user { print $3 }' "$root/etc/shadow" 2>/dev/null)"
    section service "$(service vsftpd status >/dev/null 2>&1 && echo running || echo stopped)"
    section "directory" "$(find "$app" -type d ! -perm 775 -print 2>/dev/null | head -n 1)"
    section waiting "$(cd "$kept" 2>/dev/null && ls)"
    section config
    grep -v '^#' "$root/etc/vsftpd/vsftpd.conf" 2>/dev/null
    section end
}

rotate() {
    mkdir -p "$kept" || exit 1
    if [ -e "$kept/$2" ] || [ -e "$kept/$2.shown" ]; then echo "It has a new password by this key already." && return 0; fi
    getent passwd "$1" >/dev/null || refuse "there is no account $1"
    password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
    hash=$(printf '%s\n' "$password" | openssl passwd -6 -stdin) || exit 1
    printf '%s\n' "$password" >"$kept/$2.new" && usermod -p "$hash" "$1" && mv "$kept/$2.new" "$kept/$2" || exit 1
    echo "$1 has a new password."
}

show() {
    [ -e "$kept/$1" ] || refuse "it was shown, or never made"
    cat "$kept/$1" && : >"$kept/$1.shown" && rm -f "$kept/$1"
}

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
    report | rotate) [ $# -eq 2 ] || refuse "$verb takes two words" ;;
    show) [ $# -eq 1 ] || refuse "show takes one word" ;;
    *) refuse "verbs: report rotate show" ;;
esac
for word in "$@"; do check_word "$word"; done
"$verb" "$@"
