"""A grader's whole job, with the plain calls of its language or the words of its shell: every
program below does the same, and prints the same."""

import os
import pathlib
import shutil
import subprocess
import unittest

import studentfs

# What each job is, in Python; {0} is the directory of a run.
PYTHON = r"""
import os, shutil, sys
run = sys.argv[1]
def read(name):
    with open(f"{run}/{name}") as file:
        return file.read()
def write(name, text):
    with open(f"{run}/{name}", "w") as file:
        file.write(text)
os.mkdir(run)
write("time_limit", "10")
write("cmd", "sh -c 'cat; echo oops >&2; exit 3'")
write("stdin", "one\ntwo\n")
print(read("stdout"), read("stderr"), read("retval"), read("stdout"), sep="", end="")
try:
    write("time_limit", "5")
except OSError as error:
    print(error.strerror)
try:
    os.mkdir(run)
except OSError as error:
    print(error.strerror)
shutil.rmtree(run)
print(os.path.exists(run))
os.mkdir(run)
write("cmd", "cat")
with open(f"{run}/stdin", "w", buffering=1) as to, open(f"{run}/stdout") as back:
    for n in range(3):
        print(n, file=to)
        print("got", back.readline(), end="")
print(read("retval"), end="")
shutil.rmtree(run)
"""

EXPECTED = """one
two
oops
3
one
two
Device or resource busy
File exists
False
got 0
got 1
got 2
0
"""

SHELL = r"""
mkdir "$1" && cd "$1" || exit
echo 10 > time_limit
echo "sh -c 'cat; echo oops >&2; exit 3'" > cmd
printf 'one\ntwo\n' > stdin
cat stdout stderr retval
while read -r line; do echo "$line"; done < stdout
{ echo 5 > time_limit; } 2>&1 | sed 's/.*[:] //; s/^./\U&/'
mkdir "$1" 2>&1 | sed 's/.*: //'
cd .. && rm -r "$1"
[ -e "$1" ] || echo False
mkdir "$1" && cd "$1" || exit
echo cat > cmd
exec 3> stdin 4< stdout
for n in 0 1 2; do
    echo $n >&3
    read -r line <&4
    echo "got $line"
done
exec 3>&- 4<&-
read -r value < retval
echo "$value"
cd .. && rm -r "$1"
"""

NODE = r"""
const fs = require("fs"), run = process.argv[2];
const read = name => fs.readFileSync(`${run}/${name}`, "utf8"), write = (name, text) => fs.writeFileSync(`${run}/${name}`, text);
const message = error => ({EBUSY: "Device or resource busy", EEXIST: "File exists"})[error.code] || error.code;
const say = text => fs.writeSync(1, text);
fs.mkdirSync(run);
write("time_limit", "10");
write("cmd", "sh -c 'cat; echo oops >&2; exit 3'");
write("stdin", "one\ntwo\n");
say(read("stdout") + read("stderr") + read("retval") + read("stdout"));
try { write("time_limit", "5"); } catch (error) { say(message(error) + "\n"); }
try { fs.mkdirSync(run); } catch (error) { say(message(error) + "\n"); }
fs.rmSync(run, {recursive: true});
say(fs.existsSync(run) ? "True\n" : "False\n");
fs.mkdirSync(run);
write("cmd", "cat");
const to = fs.openSync(`${run}/stdin`, "w"), back = fs.openSync(`${run}/stdout`), buffer = Buffer.alloc(100);
for (let n = 0; n < 3; n++) {
    fs.writeSync(to, `${n}\n`);
    say("got " + buffer.toString("utf8", 0, fs.readSync(back, buffer)));
}
fs.closeSync(to);
fs.closeSync(back);
fs.promises.readFile(`${run}/retval`, "utf8").then(text => {
    say(text);
    return fs.promises.rm(run, {recursive: true});
});
"""

JAVA = r"""
import java.io.*;
import java.nio.file.*;
import java.util.*;

public class Job {
    static Path run;

    static String read(String name) throws IOException { return Files.readString(run.resolve(name)); }

    static void write(String name, String text) throws IOException { Files.writeString(run.resolve(name), text); }

    static void remove() throws IOException {
        try (var paths = Files.walk(run)) {
            for (Path path : (Iterable<Path>) paths.sorted(Comparator.reverseOrder())::iterator)
                Files.delete(path);
        }
    }

    public static void main(String[] arguments) throws IOException {
        run = Path.of(arguments[0]);
        Files.createDirectory(run);
        write("time_limit", "10");
        write("cmd", "sh -c 'cat; echo oops >&2; exit 3'");
        write("stdin", "one\ntwo\n");
        System.out.print(read("stdout") + read("stderr") + read("retval") + String.join("\n", Files.readAllLines(run.resolve("stdout"))) + "\n");
        try { write("time_limit", "5"); } catch (IOException error) { System.out.println(error.getMessage().replaceAll(".*: ", "")); }
        try { Files.createDirectory(run); } catch (FileAlreadyExistsException error) { System.out.println("File exists"); }
        remove();
        System.out.println(Files.exists(run) ? "True" : "False");
        Files.createDirectory(run);
        write("cmd", "cat");
        try (var to = new FileWriter(run + "/stdin"); var back = new BufferedReader(new FileReader(run + "/stdout"))) {
            for (int n = 0; n < 3; n++) {
                to.write(n + "\n");
                to.flush();
                System.out.println("got " + back.readLine());
            }
        }
        try (var scanner = new Scanner(run.resolve("retval"))) { System.out.println(scanner.nextInt()); }
        remove();
    }
}
"""

PERL = r"""
use strict; use warnings; use File::Path qw(remove_tree); use IO::Handle;
my $run = shift; $| = 1;
sub content { open my $f, "<", "$run/$_[0]" or die $!; local $/; my $text = <$f>; close $f or die $!; $text }
sub put { open my $f, ">", "$run/$_[0]" or die $!; print $f $_[1]; close $f or return "$!"; "" }
mkdir $run or die $!;
put("time_limit", "10");
put("cmd", "sh -c 'cat; echo oops >&2; exit 3'");
put("stdin", "one\ntwo\n");
print content("stdout"), content("stderr"), content("retval"), content("stdout");
print put("time_limit", "5"), "\n";
mkdir $run or print "$!\n";
remove_tree($run);
print -e $run ? "True\n" : "False\n";
mkdir $run or die $!;
put("cmd", "cat");
open my $to, ">", "$run/stdin" or die $!; $to->autoflush;
open my $back, "<", "$run/stdout" or die $!;
for my $n (0 .. 2) { print $to "$n\n"; print "got ", scalar <$back>; }
close $to; close $back;
print content("retval");
remove_tree($run);
"""

RUBY = r"""
require "fileutils"
run = ARGV[0]; $stdout.sync = true
message = ->(error) { error.class.new.message }
Dir.mkdir(run)
File.write("#{run}/time_limit", "10")
File.write("#{run}/cmd", "sh -c 'cat; echo oops >&2; exit 3'")
File.write("#{run}/stdin", "one\ntwo\n")
print File.read("#{run}/stdout"), File.read("#{run}/stderr"), File.read("#{run}/retval"), File.readlines("#{run}/stdout").join
begin File.write("#{run}/time_limit", "5"); rescue SystemCallError => error; puts message.(error); end
begin Dir.mkdir(run); rescue SystemCallError => error; puts message.(error); end
FileUtils.rm_r(run)
puts File.exist?(run) ? "True" : "False"
Dir.mkdir(run)
File.write("#{run}/cmd", "cat")
File.open("#{run}/stdin", "w") do |to|
  to.sync = true
  File.open("#{run}/stdout") { |back| 3.times { |n| to.puts n; print "got ", back.gets } }
end
puts File.read("#{run}/retval").to_i
FileUtils.remove_entry(run)
"""

C = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *run;

static FILE *file(const char *name, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", run, name);
    return fopen(path, mode);
}

static void show(const char *name)
{
    char line[100];
    FILE *from = file(name, "r");
    while (fgets(line, sizeof(line), from))
        fputs(line, stdout);
    fclose(from);
}

static int put(const char *name, const char *text)
{
    FILE *to = file(name, "w");
    int r = fputs(text, to) < 0 ? errno : 0;
    return fclose(to) != 0 ? errno : r;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    char line[100];
    struct stat st;
    (void)argc;
    run = argv[1];
    mkdir(run, 0777);
    put("time_limit", "10");
    put("cmd", "sh -c 'cat; echo oops >&2; exit 3'");
    put("stdin", "one\ntwo\n");
    show("stdout");
    show("stderr");
    show("retval");
    show("stdout");
    puts(strerror(put("time_limit", "5")));
    if (mkdir(run, 0777) < 0)
        puts(strerror(errno));
    nftw(run, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    puts(stat(run, &st) == 0 ? "True" : "False");
    mkdir(run, 0777);
    put("cmd", "cat");
    FILE *to = file("stdin", "w"), *back = file("stdout", "r");
    for (int n = 0; n < 3; n++) {
        fprintf(to, "%d\n", n);
        fflush(to);
        printf("got %s", fgets(line, sizeof(line), back));
    }
    fclose(to);
    fclose(back);
    show("retval");
    return nftw(run, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
"""

RUST = r"""
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

fn message(error: io::Error) -> String {
    error.to_string().split(" (").next().unwrap().to_string()
}

fn main() -> io::Result<()> {
    let run = PathBuf::from(std::env::args().nth(1).unwrap());
    let read = |name: &str| fs::read_to_string(run.join(name));
    fs::create_dir(&run)?;
    fs::write(run.join("time_limit"), "10")?;
    fs::write(run.join("cmd"), "sh -c 'cat; echo oops >&2; exit 3'")?;
    fs::write(run.join("stdin"), "one\ntwo\n")?;
    print!("{}{}{}{}", read("stdout")?, read("stderr")?, read("retval")?, read("stdout")?);
    println!("{}", message(fs::write(run.join("time_limit"), "5").unwrap_err()));
    println!("{}", message(fs::create_dir(&run).unwrap_err()));
    fs::remove_dir_all(&run)?;
    println!("{}", if run.exists() { "True" } else { "False" });
    fs::create_dir(&run)?;
    fs::write(run.join("cmd"), "cat")?;
    let mut to = OpenOptions::new().write(true).open(run.join("stdin"))?;
    let mut back = BufReader::new(File::open(run.join("stdout"))?);
    for n in 0..3 {
        writeln!(to, "{}", n)?;
        let mut line = String::new();
        back.read_line(&mut line)?;
        print!("got {}", line);
    }
    drop(to);
    drop(back);
    print!("{}", read("retval")?);
    fs::remove_dir_all(&run)
}
"""

GO = r"""
package main

import (
    "bufio"
    "errors"
    "fmt"
    "os"
    "path/filepath"
    "syscall"
)

func main() {
    run := os.Args[1]
    read := func(name string) string {
        text, err := os.ReadFile(filepath.Join(run, name))
        if err != nil { panic(err) }
        return string(text)
    }
    write := func(name, text string) error { return os.WriteFile(filepath.Join(run, name), []byte(text), 0666) }
    say := func(err error) {
        if errors.Is(err, syscall.EBUSY) { fmt.Println("Device or resource busy") }
        if errors.Is(err, os.ErrExist) { fmt.Println("File exists") }
    }
    os.Mkdir(run, 0777)
    write("time_limit", "10")
    write("cmd", "sh -c 'cat; echo oops >&2; exit 3'")
    write("stdin", "one\ntwo\n")
    fmt.Print(read("stdout"), read("stderr"), read("retval"), read("stdout"))
    say(write("time_limit", "5"))
    say(os.Mkdir(run, 0777))
    os.RemoveAll(run)
    if _, err := os.Stat(run); err != nil { fmt.Println("False") }
    os.Mkdir(run, 0777)
    write("cmd", "cat")
    to, _ := os.OpenFile(filepath.Join(run, "stdin"), os.O_WRONLY, 0)
    back, _ := os.Open(filepath.Join(run, "stdout"))
    lines := bufio.NewReader(back)
    for n := 0; n < 3; n++ {
        fmt.Fprintln(to, n)
        line, _ := lines.ReadString('\n')
        fmt.Print("got ", line)
    }
    to.Close()
    back.Close()
    fmt.Print(read("retval"))
    os.RemoveAll(run)
}
"""

# Name, file, its text, how it is built, how it is run.
JOBS = [
    ("python", "job.py", PYTHON, None, ["python3", "job.py"]),
    ("bash", "job.sh", SHELL, None, ["bash", "job.sh"]),
    ("dash", "job.sh", SHELL, None, ["dash", "job.sh"]),
    ("zsh", "job.sh", SHELL, None, ["zsh", "job.sh"]),
    ("node", "job.js", NODE, None, ["node", "job.js"]),
    ("java", "Job.java", JAVA, None, ["java", "-XX:TieredStopAtLevel=1", "Job.java"]),
    ("perl", "job.pl", PERL, None, ["perl", "job.pl"]),
    ("ruby", "job.rb", RUBY, None, ["ruby", "job.rb"]),
    ("c", "job.c", C, ["cc", "-o", "job_c", "job.c"], ["./job_c"]),
    ("rust", "job.rs", RUST, ["rustc", "-o", "job_rust", "job.rs"], ["./job_rust"]),
    ("go", "job.go", GO, ["go", "build", "-o", "job_go", "job.go"], ["./job_go"]),
]


class Jobs(studentfs.TestCase):
    seconds = 120

    @classmethod
    def prepare(cls):
        cls.directory = cls.mount.base / "jobs"
        cls.directory.mkdir()

    def check(self, name, file, text, build, command):
        program = (build or command)[0]
        if not shutil.which(program):
            raise unittest.SkipTest(f"{program} is not installed")
        (self.directory / file).write_text(text)
        if build:
            built = subprocess.run(build, cwd=self.directory, capture_output=True, text=True, timeout=100, check=False)
            self.assertEqual(built.returncode, 0, built.stderr)
        result = subprocess.run([*command, self.mount.path(f"job_{name}")], cwd=self.directory, capture_output=True,
                                text=True, timeout=60, check=False)
        # dash reports that a write has failed, not why.
        expected = EXPECTED.replace("Device or resource busy", "I/O error") if name == "dash" else EXPECTED
        self.assertEqual(result.stdout, expected, result.stderr)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn(f"job_{name}", os.listdir(self.mount.point))


def _add_job(name, *job):
    setattr(Jobs, f"test_{name}", lambda self: self.check(name, *job))


for _job in JOBS:
    _add_job(*_job)


class Bounded(studentfs.TestCase):
    """Waiting no longer than one likes, as each tool has it."""

    def shell(self, script, run, shell="bash"):
        return subprocess.run([shell, "-c", script], cwd=run.path, capture_output=True, text=True, timeout=50,
                              check=False)

    def both(self, script, before, after, program="bash"):
        """What it prints while the run goes on, and once it has ended; WAIT is a second, or as long as it takes."""
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")
        run = self.mount.run("sh -c 'echo out; cat; exit 7'", stdin=None)
        studentfs.eventually(lambda: run.usage()["stdout_bytes"] == 4, what="the first line")
        self.assertEqual(self.shell(script.replace("WAIT", "1"), run).stdout, before)
        run.write("stdin", "x")
        self.assertEqual(run.retval(), 7)
        self.assertEqual(self.shell(script.replace("WAIT", "20"), run).stdout, after)
        run.remove()

    def test_timeout(self):
        self.both("timeout WAIT cat retval; echo $?", "124\n", "7\n0\n")
        self.both("timeout WAIT cat stdout; echo $?", "out\n124\n", "out\nx\n0\n")

    def test_read_t(self):
        # bash forgets about the time where it reads from a regular file itself.
        self.both("read -t WAIT value < <(exec cat retval 2> /dev/null); echo $? $value", "142\n", "0 7\n")
        self.both("exec 3< <(exec cat stdout 2> /dev/null); read -t 5 -u 3 line; echo $line; "
                  "read -t WAIT -u 3 line; echo $(($? > 128))", "out\n1\n", "out\n0\n")
        self.both("zsh -c 'read -t WAIT value < retval; echo $? $value'", "1\n", "0 7\n", "zsh")

    def test_descriptors_that_do_not_wait(self):
        self.both("perl -MFcntl -e 'sysopen F, \"retval\", O_RDONLY | O_NONBLOCK; "
                  "print sysread(F, $b, 9) ? $b : \"$!\\n\"'", "Resource temporarily unavailable\n", "7\n", "perl")
        self.both("ruby -e 'puts File.open(\"retval\").read_nonblock(9) rescue puts $!.class'",
                  "IO::EAGAINWaitReadable\n", "7\n", "ruby")
        self.both("dd if=retval iflag=nonblock status=none 2>&1 | sed 's/.*: //'", "Resource temporarily unavailable\n", "7\n")

    def test_select(self):
        self.both("perl -e 'open F, \"<\", \"retval\"; vec($v, fileno F, 1) = 1; print 0 + select($v, undef, undef, 0.2), \"\\n\"'",
                  "0\n", "1\n", "perl")
        self.both("ruby -e 'p IO.select([File.open(\"retval\")], nil, nil, 0.2)&.length'", "nil\n", "3\n", "ruby")

    def test_mapfile_takes_what_there_is_at_the_end(self):
        run = self.mount.run("sh -c 'seq 3; sleep 0.3; seq 4 5'")
        self.assertEqual(self.shell("mapfile -t a < stdout; echo ${#a[@]} ${a[4]}; mapfile -n 2 -t b < stdout; echo ${b[@]}",
                                    run).stdout, "5 5\n1 2\n")

    def test_cmp(self):
        (self.mount.base / "expected").write_text("1\n2\n3\n")
        for command in ("seq 3", "sh -c 'seq 2; sleep 0.3; echo 3'"):
            run = self.mount.run(command)
            self.assertEqual(self.shell(f"cmp stdout {self.mount.base}/expected && cmp -s stdout {self.mount.base}/expected"
                                        " && echo same", run).stdout, "same\n")
        run = self.mount.run("seq 4")
        self.assertIn("EOF", self.shell(f"cmp stdout {self.mount.base}/expected", run).stderr)


if __name__ == "__main__":
    studentfs.main()
