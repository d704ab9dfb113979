"""What tests of programs on a terminal share: one of tmux's, its keys and its screen."""

import os
import shutil
import subprocess
import tempfile
import unittest

import studentfs


@unittest.skipUnless(shutil.which("tmux"), "no tmux here")
class TestCase(studentfs.TestCase):
    def open_terminal(self, mount, command, width=80, height=10):
        """Ends with its command, else with the test."""
        self.server = tempfile.mktemp(dir=mount.base, prefix="tmux-")
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), command)
        self.addCleanup(self.tmux, "kill-server", check=False)

    def tmux(self, *arguments, check=True):
        return subprocess.run(["tmux", "-S", self.server, "-f", "/dev/null", *arguments], capture_output=True, text=True,
                              timeout=30, check=check, env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm"}).stdout

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def lines(self):
        return self.tmux("capture-pane", "-p").splitlines()

    def shows(self, *texts):
        def all_there():
            screen = "\n".join(self.lines())
            return all(text in screen for text in texts)

        try:
            studentfs.eventually(all_there)
        except AssertionError:
            raise AssertionError(f"{texts} not all in:\n" + "\n".join(self.lines())) from None

    def has_ended(self):
        return subprocess.run(["tmux", "-S", self.server, "has-session"], capture_output=True, check=False).returncode != 0
