# What the scripts share: telling what happens, and setting up what is missing. Sourced by sh or bash, at the
# repository's root.

started=$(date +%s)

# say TEXT...: one line, with the seconds since the script began.
say() { printf '[%3ds] %s\n' "$(($(date +%s) - started))" "$*"; }

# fail TEXT...: one line about what is wrong and what to do, and the end.
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# ensure_packages PACKAGE...: installs Debian packages, without starting the services that some of them bring.
ensure_packages() {
    missing=
    for package in "$@"; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
            *" installed") ;;
            *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || fail "these packages are missing; run: sudo apt-get install --no-install-recommends$missing"
    say "Installing Debian packages:$missing"
    # invoke-rc.d asks this file whether a service may start; 101 means no.
    policy=/usr/sbin/policy-rc.d
    made=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=$policy
    fi
    status=0
    # shellcheck disable=SC2086 # a list of words
    {
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing </dev/null >/dev/null
    } || status=$?
    [ -z "$made" ] || rm -f "$made"
    [ "$status" = 0 ] || fail "the packages could not be installed; see above"
}

# ensure_command COMMAND PACKAGE: a command, from wherever it is, else from a Debian package.
ensure_command() { command -v "$1" >/dev/null || ensure_packages "$2"; }

# ensure_python: python3, new enough, with its venv module.
ensure_python() {
    command -v python3 >/dev/null || ensure_packages python3 python3-venv
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$(python3 --version) is too old; Python 3.11 or newer is needed"
    python3 -c 'import ensurepip, venv' 2>/dev/null || ensure_packages python3-venv
}

# ensure_venv DIRECTORY LOCK...: a virtual environment that holds exactly what the locks list, each file by its hash.
ensure_venv() {
    directory=$1
    shift
    wanted=$({ cat "$@"; python3 -c 'import sys; print(sys.version, sys.prefix)'; } | sha256sum | cut -d' ' -f1)
    [ "$(cat "$directory/ready" 2>/dev/null || true)" = "$wanted" ] && return 0
    say "Making $directory out of $*; this downloads once"
    rm -rf "$directory"
    mkdir -p "$(dirname "$directory")"
    python3 -m venv "$directory"
    locks=
    for lock in "$@"; do locks="$locks -r $lock"; done
    # shellcheck disable=SC2086 # a list of words
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: $locks || fail "the Python packages could not be installed; see above"
    printf '%s' "$wanted" >"$directory/ready"
}
