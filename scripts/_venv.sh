# Sourced by the scripts beside it. `use_venv EXTRA...` makes the virtual environment if there is
# none, installs microfw with these extras if pyproject.toml has changed since the last time, and
# puts the environment first on PATH.
#
# PYTHON names the Python to make it with, VENV the folder (.venv in the project's root).

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${VENV:-.venv}
cd "$root"

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s\n' "$@" >&2; exit 1; }

# The version of Python $1 as "3.11", nothing where it does not run.
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null || true; }

new_enough() { [[ $1 =~ ^3\.([0-9]+)$ ]] && ((BASH_REMATCH[1] >= 11)); }

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null </dev/null; }

# Sets $python to the first one that will do. A name on PATH proves nothing: it may be a shim.
find_python() {
    local candidate version old="" bare=""
    for candidate in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3 python3.15 python3.14 python3.13 python3.12 python3.11 python}; do
        version=$(version_of "$candidate")
        if [[ -z $version ]]; then
            continue
        elif ! new_enough "$version"; then
            old=${old:-"$candidate is Python $version"}
        elif ! has_venv "$candidate"; then
            bare=${bare:-$candidate}
        else
            python=$candidate
            return
        fi
    done
    if [[ -n $bare ]]; then
        die "$bare cannot make virtual environments: its venv module is missing." \
            "On Debian and Ubuntu it comes with 'apt install python3-venv'. Then run this again."
    elif [[ -n $old ]]; then
        die "microfw needs Python 3.11 or later, and $old." \
            "Install a newer one, or name it: PYTHON=/path/to/python3.12 $0"
    elif [[ -n ${PYTHON:-} ]]; then
        die "PYTHON is '$PYTHON', which does not run. Name a Python 3.11 or later, or unset PYTHON."
    fi
    die "No Python was found. Install Python 3.11 or later, or name it: PYTHON=/path/to/python3.12 $0"
}

# Whether the environment can be used as it is: it works, is in the folder it was made in, and is of
# the Python that was asked for.
usable() {
    local version made_in
    version=$(version_of "$venv/bin/python")
    made_in=$(cat "$venv/.made-in" 2>/dev/null || echo "$root")
    new_enough "$version" && [[ $made_in == "$root" ]] &&
        "$venv/bin/python" -c 'import pip' 2>/dev/null </dev/null &&
        [[ -z ${PYTHON:-} || $(version_of "$PYTHON") == "$version" ]]
}

# While the environment changes, .busy in it holds the process id of the script that changes it. If
# that script is no more, the environment is half made and goes.
wait_for_others() {
    local owner said=""
    while owner=$(cat "$venv/.busy" 2>/dev/null); do
        if [[ -z $owner ]] || ! kill -0 "$owner" 2>/dev/null; then
            say "An interrupted start left $venv half made."
            rm -rf "$venv"
            return
        fi
        [[ -n $said ]] || say "Waiting for process $owner, which is installing into $venv" \
            "(if that is none of these scripts, delete $venv/.busy) ..."
        said=yes
        sleep 1
    done
}

make_venv() {
    find_python
    if [[ -e $venv && ! -e $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
        die "$venv is there and is no virtual environment. Move it away, or set VENV to another folder."
    fi
    say "Making $venv with $python ($(version_of "$python")) ..."
    rm -rf "$venv"
    mkdir -p "$venv"
    echo $$ >"$venv/.busy"
    "$python" -m venv "$venv" >&2 || die "$python could not make a virtual environment (see above)."
    echo "$root" >"$venv/.made-in"
}

install() {
    echo $$ >"$venv/.busy"
    say "Installing microfw-asgi[$1] into $venv ..."
    if ! "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --editable ".[$1]" >&2 </dev/null; then
        rm -f "$venv/.busy"
        die "The packages could not be installed (pip's reason is above)." \
            "The first start fetches them from PyPI and needs the network. Then run this again."
    fi
}

use_venv() {
    local extras stamp wanted
    extras=$(IFS=,; printf '%s' "$*")
    stamp=$venv/.installed-$extras
    wanted="$(cksum <pyproject.toml) $root"

    wait_for_others
    usable || make_venv
    if [[ $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
        install "$extras"
        echo "$wanted" >"$stamp"
    fi
    rm -f "$venv/.busy"

    PATH=$(cd "$venv/bin" && pwd):$PATH
    export PATH
    unset PYTHONHOME
}
