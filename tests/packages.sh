# shellcheck shell=bash
# Sourced: need_packages NAME... installs what of Debian's packages is missing, and asks for
# nothing where nothing is.

need_packages() {
    local missing=() package as_root=()
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo > /dev/null; then
            echo "These packages are missing, and only root can install them:" >&2
            echo "  apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    echo "installing: ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -e -c '
        apt-get -qq update
        apt-get -qq -y --no-install-recommends install "$@"' sh "${missing[@]}" > /dev/null
}
