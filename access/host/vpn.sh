#!/bin/sh
# What the console may do as root on the VPN host: the one program that its sudo rule names. Installed as /opt/opsconsole/vpn.
#
#   report             everything that is looked at, in one look: service, PKI index, CRL, certificates, sessions, configuration, disk
#   look NAME          what is there of one user: index lines, the profile without its secrets, the key's public half, files
#   create NAME        /root/client-configs/create_user.sh NAME
#   set-aside NAME     moves away what a failed attempt left; refused where the index knows a valid certificate of that name
#   revoke SERIAL      marks the certificate revoked
#   crl DAYS           makes a new CRL, puts it where the service reads it, and sees to it that the service is told to
#   kill NAME          ends the sessions of that name
#   suspend NAME       the service refuses that name until `resume NAME`
#   merge LINES        index lines (base64) that a rebuilt image has lost: added, or marked revoked again
#   profile NAME       the whole profile, with its key: for the one download
#
# Every name is judged here once more, by the rule of the console's own validator. No argument is ever part of a command line.
# OPSCONSOLE_ROOT is put before absolute paths, for an image's staging root; sudo takes it out of the environment.

set -f
unset IFS CDPATH ENV
umask 077
LC_ALL=C
export LC_ALL
root=${OPSCONSOLE_ROOT:-}
rsa=$root/root/easy-rsa
pki=$rsa/pki
clients=$root/root/client-configs
service=openvpn@server
conf=$root/etc/openvpn/server.conf
[ -e "$conf" ] || conf=$root/etc/openvpn/server/server.conf

refuse() {
    echo "refused: $*"
    exit 64
}

check_name() {
    case $1 in
        '' | ? | ?? | [!a-z]* | *[!a-z0-9._-]* | *[!a-z0-9] | *..*) refuse "this is no name for a VPN user" ;;
        ?????????????????????????????????*) refuse "a name has 32 characters at most" ;;
        ca | server | client | root | admin | crl | index | serial | issued | private | revoked | default | dhparam | tls-auth)
            refuse "this name is kept for the VPN itself"
            ;;
    esac
}

check_serial() {
    case $1 in
        '' | *[!0-9A-F]* | ?????????????????????????????????????????*) refuse "this is no serial number" ;;
    esac
}

# A certificate that nobody here has made may have a name of another kind, with blanks or a comma: its sessions are only ever ended by it.
check_common_name() {
    case $1 in
        '' | *[!\ -~]* | *[\"\\]*) refuse "no session can have this name" ;;
    esac
}

section() { printf '\036%s\n' "$*"; }

# The value of a directive of the service's configuration, without quotes and without what is said behind it.
directive() {
    awk -v key="$1" '$1 == key { sub(/^[ \t]*[^ \t]+[ \t]*/, ""); sub(/[ \t]+[#;].*$/, ""); gsub(/["\r]/, ""); print; exit }' "$conf" 2>/dev/null
}

# A line more at the end of a file, whose last line may have no end.
append() {
    [ -z "$(tail -c 1 "$1" 2>/dev/null)" ] || echo >>"$1"
    printf '%s\n' "$2" >>"$1"
}

place_of() {
    case $1 in
        /*) printf '%s' "$root$1" ;;
        *) printf '%s' "${conf%/*}/$1" ;;
    esac
}

# One command to the management interface. It drops an answer of several lines where `quit` comes with the question: so quit waits for its end.
ask() {
    set -- "$1" $(directive management)
    case ${3:-} in
        unix) # its socket may lie deeper than a socket's name may be long
            where=$(place_of "$2")
            talk "$1" "${where%/*}" "UNIX-CONNECT:${where##*/}"
            ;;
        '') return 1 ;;
        *) talk "$1" / "TCP:$2:$3" ;;
    esac
}

# The pipe is made where there is room on a full disk, too. What fails is said as the interface says its own errors.
talk() (
    pipe=$({ TMPDIR=/run mktemp -d || mktemp -d; } 2>/dev/null) && trap 'rm -rf "$pipe"' EXIT && mkfifo "$pipe/in" 2>/dev/null || {
        echo "ERROR: no pipe to the management interface can be made in /run or /tmp: make room on the disk"
        exit 1
    }
    (cd "$2" && exec socat -T 3 - "$3") 2>/dev/null <"$pipe/in" | {
        printf '%s\n' "$1" >&4
        sed -n 'p;/^END/q;/^SUCCESS/q;/^ERROR/q'
        printf 'quit\n' >&4
    } 4>"$pipe/in" 2>/dev/null
)

# The service reads the CRL as nobody, at each new connection.
readable() {
    case $(stat -c %a "$1" 2>/dev/null) in *[4567]) ;; *) return 1 ;; esac
    folder=${1%/*}
    while [ -n "$folder" ] && [ "$folder" != "$root" ]; do
        case $(stat -c %a "$folder") in *[1357]) ;; *) return 1 ;; esac
        folder=${folder%/*}
    done
}

is_there() { [ -e "$1" ] && echo yes || echo no; }

report() {
    section program "$(sha256sum <"$0" | cut -d" " -f1)"
    section now "$(date +%s)"
    section service "$(systemctl is-active "$service" 2>/dev/null)"
    section since "$(systemctl show -p ActiveEnterTimestamp --value "$service" 2>/dev/null)"
    section index
    cat "$pki/index.txt" 2>/dev/null
    section ca
    cat "$pki/ca.crt" 2>/dev/null
    section server-certificate
    cat "$(place_of "$(directive cert)")" 2>/dev/null
    crl=$(directive crl-verify)
    section crl-place "$crl"
    if [ -n "$crl" ]; then
        crl=$(place_of "$crl")
        section crl-mode "$(stat -c %A "$crl" 2>/dev/null)"
        section crl-readable "$(readable "$crl" && echo yes || echo no)"
        section crl
        cat "$crl" 2>/dev/null
    fi
    section ccd "$(directive client-config-dir)"
    section suspended
    ccd=$(directive client-config-dir)
    [ -z "$ccd" ] || (cd "$(place_of "$ccd")" 2>/dev/null && set +f && grep -lx disable -- * 2>/dev/null)
    section script "$([ -x "$clients/create_user.sh" ] && echo yes || echo no)"
    section base.conf "$(is_there "$clients/base.conf")"
    section ta.key "$(is_there "$clients/keys/ta.key")"
    section routes
    awk '$1 == "push"' "$conf" 2>/dev/null
    status=$(directive status)
    status=${status%% *}
    section status-age "$([ -n "$status" ] && stat -c %Y "$(place_of "$status")" 2>/dev/null)"
    section status-file
    [ -z "$status" ] || cat "$(place_of "$status")" 2>/dev/null
    section management
    ask 'status 2'
    section end
}

look() {
    check_name "$1"
    section program "$(sha256sum <"$0" | cut -d" " -f1)"
    section index
    awk -F '\t' -v subject="/CN=$1" '$6 == subject' "$pki/index.txt" 2>/dev/null
    section request "$(is_there "$pki/reqs/$1.req")"
    section private "$(is_there "$pki/private/$1.key")"
    section issued "$(is_there "$pki/issued/$1.crt")"
    section script "$([ -x "$clients/create_user.sh" ] && echo yes || echo no)"
    section base.conf "$(is_there "$clients/base.conf")"
    section ta.key "$(is_there "$clients/keys/ta.key")"
    section mode "$(stat -c %a "$clients/files/$1.ovpn" 2>/dev/null)"
    section free "$(df -Pk "$root/root" 2>/dev/null | awk 'NR == 2 { print $4 }')"
    section ca
    cat "$pki/ca.crt" 2>/dev/null
    section profile
    # Secrets stay here: of a block that holds one, only how many lines it has.
    awk '
        /^<\/(key|tls-crypt|tls-auth|tls-crypt-v2)>/ { print "lines " count; secret = 0 }
        !secret { print }
        secret { count++ }
        /^<(key|tls-crypt|tls-auth|tls-crypt-v2)>/ { secret = 1; count = 0 }
    ' "$clients/files/$1.ovpn" 2>/dev/null
    section public
    openssl pkey -in "$clients/files/$1.ovpn" -pubout 2>/dev/null </dev/null
    section end
}

create() {
    check_name "$1"
    [ -x "$clients/create_user.sh" ] || {
        echo "There is no /root/client-configs/create_user.sh on this host."
        exit 66
    }
    "$clients/create_user.sh" "$1" </dev/null
    echo "create_user.sh ended with $?, which says nothing: what is there is looked at next."
    [ ! -e "$clients/files/$1.ovpn" ] || chmod 0600 "$clients/files/$1.ovpn"
}

set_aside() {
    check_name "$1"
    ! awk -F '\t' -v subject="/CN=$1" '$1 == "V" && $6 == subject { found = 1 } END { exit !found }' "$pki/index.txt" ||
        refuse "the index has a valid certificate of that name"
    to=$clients/set-aside/$1.$(date +%s)
    for left in "$pki/reqs/$1.req" "$pki/private/$1.key" "$pki/issued/$1.crt" "$clients/files/$1.ovpn" "$clients/keys/$1.key" "$clients/keys/$1.crt"; do
        [ ! -e "$left" ] || { mkdir -p "$to" && mv "$left" "$to/" && echo "Set aside: ${left#"$root"}"; } || exit 1
    done
}

# By the serial: the newest certificate of a name is easy-rsa's business, an older or a nameless one is marked in the index itself.
revoke() {
    check_serial "$1"
    line=$(awk -F '\t' -v serial="$1" '$4 == serial' "$pki/index.txt")
    case $line in
        R*) echo "Already revoked, serial number $1"; return 0 ;;
        '') refuse "the index has no certificate with serial $1" ;;
    esac
    name=${line##*/CN=}
    issued=$(openssl x509 -in "$pki/issued/$name.crt" -noout -serial 2>/dev/null)
    if [ "${issued#serial=}" = "$1" ]; then
        cd "$rsa" && ./easyrsa --batch revoke "$name" </dev/null
        return
    fi
    now=$(date -u +%y%m%d%H%M%SZ)
    awk -F '\t' -v OFS='\t' -v serial="$1" -v now="$now" '$4 == serial && $1 != "R" { $1 = "R"; $3 = now } { print }' "$pki/index.txt" >"$pki/index.txt.new" &&
        mv "$pki/index.txt.new" "$pki/index.txt" && echo "Revoked in the index, serial $1: its file is not the one that easy-rsa has under that name."
}

# Adds a directive that the configuration lacks, and notes that the service has to be restarted to hear of it.
ensure() {
    [ -n "$(directive "$1")" ] && return 0
    append "$conf" "$1 $2" && echo "Added to the configuration: $1 $2"
    restart=yes
}

restart_if_needed() { [ -z "$restart" ] || { echo "Restarting the service, which hears of it only then." && systemctl restart "$service"; }; }

crl() {
    case $1 in '' | *[!0-9]* | ?????*) refuse "DAYS is a number" ;; esac
    cd "$rsa" && EASYRSA_CRL_DAYS=$1 ./easyrsa --batch gen-crl </dev/null || exit 1
    restart=
    ensure crl-verify /etc/openvpn/crl.pem
    to=$(place_of "$(directive crl-verify)")
    install -m 0644 "$pki/crl.pem" "$to.new" && mv "$to.new" "$to" || exit 1
    restart_if_needed
}

end_sessions() {
    check_common_name "$1"
    ask "kill \"$1\"" | grep -E '^(SUCCESS|ERROR)' || echo "The management interface does not answer."
}

suspend() {
    check_name "$1"
    restart=
    ensure client-config-dir /etc/openvpn/ccd
    ccd=$(place_of "$(directive client-config-dir)")
    mkdir -p "$ccd" && chmod 0755 "$ccd" || exit 1
    grep -qx disable "$ccd/$1" 2>/dev/null || append "$ccd/$1" disable
    chmod 0644 "$ccd/$1"
    restart_if_needed
    end_sessions "$1"
}

resume() {
    check_name "$1"
    ccd=$(place_of "$(directive client-config-dir)")
    [ -e "$ccd/$1" ] || return 0
    sed '/^disable$/d' "$ccd/$1" >"$ccd/$1.new" && chmod 0644 "$ccd/$1.new" && mv "$ccd/$1.new" "$ccd/$1"
}

merge() {
    lines=$pki/index.lost
    printf '%s' "$1" | base64 -d >"$lines" 2>/dev/null || refuse "LINES is base64"
    tab=$(printf '\t')
    if grep -qvE "^[VR]${tab}[0-9]{12,14}Z${tab}([0-9]{12,14}Z[A-Za-z,]*)?${tab}[0-9A-F]+${tab}unknown${tab}/[ -~]*CN=[ -~]+\$" "$lines"; then
        refuse "a line is none of an index"
    fi
    cp "$pki/index.txt" "$pki/index.txt.before-merge" && awk -F '\t' '
        NR == FNR { lost[$4] = $0; order[++count] = $4; next }
        $4 in lost { seen[$4] = 1; if ($1 != "R" && lost[$4] ~ /^R/) { print lost[$4]; next } }
        { print }
        END { for (n = 1; n <= count; n++) if (!(order[n] in seen)) print lost[order[n]] }
    ' "$lines" "$pki/index.txt.before-merge" >"$pki/index.txt.new" && mv "$pki/index.txt.new" "$pki/index.txt" || exit 1
    echo "The index has $(wc -l <"$pki/index.txt") lines now, $(wc -l <"$pki/index.txt.before-merge") before."
    rm -f "$lines"
}

profile() {
    check_name "$1"
    exec cat "$clients/files/$1.ovpn"
}

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
    report) [ $# -eq 0 ] || refuse "report takes nothing" ;;
    look | create | set-aside | revoke | crl | kill | suspend | resume | merge | profile) [ $# -eq 1 ] || refuse "$verb takes one word" ;;
    *) refuse "verbs: report look create set-aside revoke crl kill suspend resume merge profile" ;;
esac
case $verb in
    set-aside) set_aside "$1" ;;
    kill) end_sessions "$1" ;;
    *) "$verb" "$@" ;;
esac
