"""The Debian packages: made by CPack, looked at by lintian, installed, used and purged."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import studentfs

BUILD = studentfs.BIN.parent


@unittest.skipUnless(shutil.which("dpkg-shlibdeps"), "no dpkg-dev here")
class Packages(studentfs.TestCase):
    mount_options = None
    seconds = 170

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        # Compression takes most of the time, and is dpkg's business. CPack writes to the current directory.
        result = subprocess.run(
            ["cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", cls.directory / "made",
             "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"],
            cwd=cls.directory, capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        cls.packages = sorted((cls.directory / "made").glob("*.deb"))

    def test_there_is_one_for_each_component(self):
        names = [package.name.split("_")[0] for package in self.packages]
        self.assertIn("studentfs", names)
        self.assertEqual(len(names), len(set(names)))

    def test_lintian_finds_nothing(self):
        if not shutil.which("lintian"):
            self.skipTest("no lintian here")
        result = subprocess.run(
            ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", *self.packages],
            capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_installed_used_and_purged(self):
        layer = self.directory / "layer"
        layer.mkdir()
        probe = [*studentfs.OWN_MOUNTS, "sh", "-c",
                 'mount -t tmpfs none "$0" && mkdir "$0/u" "$0/w" && '
                 'mount -t overlay -o "lowerdir=/,upperdir=$0/u,workdir=$0/w" none "$0"', layer]
        if subprocess.run(probe, capture_output=True, timeout=30, check=False).returncode != 0:
            self.skipTest("no overlay of / can be mounted here")
        result = subprocess.run(
            [*studentfs.OWN_MOUNTS, pathlib.Path(__file__).with_name("installed.sh"), layer, *self.packages],
            capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
        said = result.stdout + result.stderr
        self.assertEqual(result.returncode, 0, said)
        lines = [line for line in result.stdout.splitlines() if not line.startswith("skip ")]
        expected = ["install", "verify", "command", "mount", "fstab", "read-only", "unit", "manuals", "purge",
                    "nothing-left"]
        if "skip unit" in result.stdout:
            expected.remove("unit")
        self.assertEqual(lines, [f"ok {name}" for name in expected], said)


if __name__ == "__main__":
    studentfs.main()
