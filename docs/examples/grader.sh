#!/bin/sh
# A complete grader. In the task's directory, mounted with `studentfs MOUNTPOINT`:
# grader.sh MOUNTPOINT
cd "$1" || exit; mkdir t1
echo 5 > t1/time_limit
echo 'python3 student/sort.py' > t1/cmd
cat task/input.txt > t1/stdin
diff t1/stdout task/expected.txt && [ "$(cat t1/retval)" = 0 ] && echo passed
rm -r t1
