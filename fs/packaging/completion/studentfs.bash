# shellcheck shell=bash
# Completion of studentfs's programs for bash. Options are asked of the programs themselves.

_studentfs_options() {
    "$1" --help 2> /dev/null | sed -n -E 's/^  (-., )?(--[a-z-]+).*/\2/p'
}

# /proc/mounts writes a space as \040.
_studentfs_mounts() {
    local point type
    while read -r _ point type _; do
        [ "$type" = fuse.studentfs ] && printf '%s\n' "${point//\\040/ }"
    done < /proc/mounts
}

_studentfs_runs() {
    local run
    for run in "$1"/*/cmd; do
        run=${run%/cmd}
        run=${run##*/}
        case $run in defaults | '*') ;; *) printf '%s\n' "$run" ;; esac
    done
}

# Lines that begin with $1. (compgen -W would expand them: a run's name is anybody's text.)
_studentfs_beginning() {
    local line
    while read -r line; do
        [[ $line == "$1"* ]] && printf '%s\n' "$line"
    done
}

_studentfs_candidates() {
    local program=$1 first=$2 previous=$3 word=$4
    case $previous in
    --task | --sockets) compgen -d -- "$word" ;;
    --agent | --init) compgen -f -- "$word" ;;
    --log-level) printf '%s\n' error warning info debug | _studentfs_beginning "$word" ;;
    -o | --options) printf '%s\n' allow_other allow_root noatime noexec | _studentfs_beginning "$word" ;;
    --transport) printf '%s\n' auto fd message | _studentfs_beginning "$word" ;;
    --*-limit | --time | --hard-time | --memory | --pool | --pool-max | --ssh-* | --tmp-size | --max-runs | --recording-memory | --ready-fd) ;;
    *)
        case $word,$program in
        -*) _studentfs_options "$program" | _studentfs_beginning "$word" ;;
        *studentfs-top)
            if [ -f "$first/runs" ]; then
                _studentfs_runs "$first" | _studentfs_beginning "$word"
            else
                _studentfs_mounts | _studentfs_beginning "$word"
            fi
            ;;
        *_student) compgen -f -- "$word" ;;
        *) compgen -d -- "$word" ;;
        esac
        ;;
    esac
}

_studentfs() {
    local first=
    [ "$COMP_CWORD" -le 1 ] || first=${COMP_WORDS[1]}
    mapfile -t COMPREPLY < <(_studentfs_candidates "${COMP_WORDS[0]}" "$first" \
        "${COMP_WORDS[COMP_CWORD - 1]}" "${COMP_WORDS[COMP_CWORD]}")
}

complete -o filenames -F _studentfs studentfs studentfs-agent studentfs-top run_student ssh_student
