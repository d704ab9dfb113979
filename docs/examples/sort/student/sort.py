import sys

for line in sorted(sys.stdin, key=int):
    print(line, end="")
