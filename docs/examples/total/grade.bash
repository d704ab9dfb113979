#!/bin/bash
# Grades student/total.c in bash: grade.bash MOUNTPOINT
cd "$1" || exit
run=total.$$
trap 'rm -r $run' EXIT
points=0

# start COMMAND: in a run of its own, with its limits.
start() {
    [ ! -d $run ] || rm -r $run
    mkdir $run && echo 1 > $run/time_limit && echo 3 > $run/hard_time_limit &&
        echo 64 > $run/memory_limit && echo "$1" > $run/cmd
}

why() {
    case $(cat $run/retval) in
        0) echo "wrong output" ;;
        252) echo "out of memory" ;;
        253) echo "out of time" ;;
        *) echo "ended with $(cat $run/retval)" ;;
    esac
}

# count NAME STATUS: the points of a test.
count() {
    if [ "$2" = 0 ] && [ "$(cat $run/retval)" = 0 ]; then
        echo "$1: 4/4"
        points=$((points + 4))
    else
        echo "$1: 0/4 ($(why))"
    fi
}

# The next number is the last answer, so that it must come at once.
talk() {
    local number=1 sum=0 answer
    exec {in}> $run/stdin {out}< $run/stdout
    for _ in {1..10}; do
        echo "$number" >&$in
        read -r answer <&$out
        ((sum += number))
        [ "$answer" = $sum ] || break
        number=$answer
    done
    exec {in}>&-
    [ "$answer" = 512 ] && [ -z "$(cat <&$out)" ]
} 2> /dev/null

mkdir $run && echo 'gcc -O1 -o student/total student/total.c' > $run/cmd
if [ "$(cat $run/retval)" != 0 ]; then
    echo "it does not compile"
    cat $run/stderr >&2
else
    for test in few negative none large; do
        start student/total
        cat task/tests/$test.in > $run/stdin 2> /dev/null
        diff -q $run/stdout task/tests/$test.out > /dev/null
        count $test $?
    done
    start student/total
    talk
    count talk $?
fi
echo "total: $points/20"
