"""What is expected of each program around its work: --help, --version, its man page, completion."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

import studentfs

DOCS = studentfs.TOP / "docs"
COMPLETION = studentfs.TOP / "fs/packaging/completion"
VERSION = re.search(r"project\(studentfs VERSION (\S+)", (studentfs.TOP / "CMakeLists.txt").read_text())[1]


def installed():
    """All that is installed where people's PATH leads; what lies in libexec is no command."""
    rules = "".join(path.read_text() for path in studentfs.BIN.parent.rglob("cmake_install.cmake"))
    return set(re.findall(r'DESTINATION "[^"]*/s?bin" TYPE EXECUTABLE FILES "[^"]*/([^/"]+)"', rules))


def manuals():
    """Program to its man page, of those that people call."""
    pages = sorted(page for section in "18" for page in DOCS.glob(f"*.{section}"))
    return {page.stem: page for page in pages if page.stem in installed()}


def call(program, *arguments):
    return subprocess.run([studentfs.BIN / program, *arguments], capture_output=True, text=True,
                          timeout=30, check=False, stdin=subprocess.DEVNULL)


def helped(program):
    """Options of its --help: {"--task", "-o", ...}."""
    lines = re.findall(r"^  +((?:-\S, )?--[a-z-]+)", call(program, "--help").stdout, re.M)
    return {option for line in lines for option in line.split(", ")}


def documented(page):
    """Options that the page has an entry for."""
    entries = re.findall(r"^\.It (.*\bFl\b.*)", page.read_text(), re.M)
    names = [name.replace("\\-", "-") for entry in entries for name in re.findall(r"\bFl (\S+)", entry)]
    # mdoc's Fl writes one dash itself.
    return {f"-{name}" for name in names}


class Programs(studentfs.TestCase):
    mount_options = None

    def test_every_program_has_a_page(self):
        self.assertLessEqual({"studentfs", "studentfs-agent"}, installed())
        self.assertEqual(installed(), set(manuals()))

    def test_version(self):
        for program in manuals():
            with self.subTest(program=program):
                result = call(program, "--version")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertRegex(result.stdout, rf"^{program} (\(studentfs\) )?{re.escape(VERSION)}\n$")

    def test_help(self):
        for program in manuals():
            with self.subTest(program=program):
                result = call(program, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertRegex(result.stdout, rf"^Usage: {program} ")
                self.assertLessEqual({"--help", "--version"}, helped(program))

    def test_the_page_and_the_help_tell_of_the_same_options(self):
        for program, page in manuals().items():
            with self.subTest(program=program):
                self.assertEqual(helped(program), documented(page))

    def test_a_mistake_tells_where_to_look(self):
        for program in manuals():
            with self.subTest(program=program):
                result = call(program, "--no-such-option")
                self.assertNotEqual(result.returncode, 0)
                self.assertEqual(result.stdout, "")
                self.assertRegex(result.stderr, rf"{program}: .*--no-such-option")
                self.assertIn(f"{program} --help", result.stderr)


class Bash(studentfs.TestCase):
    def complete(self, *words):
        """What TAB offers at the end of these words."""
        script = '''
            . "$1"; shift
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _studentfs
            [ ${#COMPREPLY[@]} = 0 ] || printf '%s\\n' "${COMPREPLY[@]}"'''
        result = subprocess.run(
            ["bash", "-c", script, "bash", COMPLETION / "studentfs.bash", *words], capture_output=True,
            text=True, timeout=30, check=False, cwd=self.mount.base)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return set(result.stdout.splitlines())

    def test_options(self):
        for program in installed():
            with self.subTest(program=program):
                path = str(studentfs.BIN / program)
                long_ones = {option for option in helped(program) if option.startswith("--")}
                self.assertEqual(self.complete(path, "-"), long_ones)
                self.assertEqual(self.complete(path, "--ver"), {"--version"})

    def test_values(self):
        self.assertEqual(self.complete("studentfs", "--task", "ta"), {"task"})
        self.assertEqual(self.complete("studentfs", "-o", "allow_o"), {"allow_other"})
        self.assertEqual(self.complete("studentfs", "--time-limit", ""), set())
        self.assertEqual(self.complete("studentfs", "mn"), {"mnt"})

    def test_mount_points_and_runs(self):
        self.assertIn(self.mount.point, self.complete("studentfs-top", ""))
        for name in ("one", "other", "$(touch evil)"):
            run = self.mount.make(name)
            self.addCleanup(run.remove)
        self.assertEqual(self.complete("studentfs-top", self.mount.point, "o"), {"one", "other"})
        self.assertEqual(self.complete("studentfs-top", self.mount.point, ""), {"one", "other", "$(touch evil)"})
        self.assertFalse((self.mount.base / "evil").exists())

    def test_it_is_found_by_its_name(self):
        loader = pathlib.Path("/usr/share/bash-completion/bash_completion")
        if not loader.exists():
            self.skipTest("no bash-completion here")
        script = '''
            mkdir -p "$1/bash-completion/completions"; cp "$2" "$1/bash-completion/completions/studentfs"
            XDG_DATA_HOME=$1 . "$3"; XDG_DATA_HOME=$1 _completion_loader studentfs; complete -p studentfs'''
        result = subprocess.run(["bash", "-c", script, "bash", self.mount.base / "share", COMPLETION / "studentfs.bash", loader],
                                capture_output=True, text=True, timeout=30, check=False)
        self.assertIn("-F _studentfs studentfs", result.stdout, result.stderr)


@unittest.skipUnless(shutil.which("zsh"), "no zsh here")
class Zsh(studentfs.TestCase):
    def complete(self, line):
        """What a zsh on a terminal makes of a line and TAB: its completions, by zpty."""
        script = r'''
            zmodload zsh/zpty
            zpty shell zsh -f -i
            zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; path=($2 \$path); LISTMAX=1000"
            zpty -w shell "PS1=; PS2=; zstyle ':completion:*' list-prompt ''; unsetopt beep; setopt no_always_last_prompt; print re''ady"
            zpty -r -m shell text '*ready*'
            zpty -n -w shell "$3"$'\t'
            zpty -r -m shell text "*$4*" && print -r -- "$text"
            zpty -d shell'''
        return lambda wanted: subprocess.run(
            ["zsh", "-f", "-c", script, "zsh", COMPLETION, studentfs.BIN, line, wanted], capture_output=True, text=True,
            timeout=30, check=False, cwd=self.mount.base).stdout

    def test_options(self):
        self.assertIn("--version", self.complete("studentfs --vers")("--version"))
        said = self.complete("studentfs --max-")("CPU time at most")
        for option in helped("studentfs"):
            if option.startswith("--max-"):
                self.assertIn(option, said)

    def test_mount_points(self):
        self.assertIn(self.mount.point, self.complete(f"studentfs-top {self.mount.point[:-2]}")(self.mount.point))


if __name__ == "__main__":
    studentfs.main()
