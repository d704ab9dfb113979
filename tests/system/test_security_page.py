"""docs/security.md names a test for each layer: each is there."""

import re
import unittest

import studentfs


class Page(unittest.TestCase):
    def test_each_test_is_there(self):
        page = (studentfs.TOP / "docs/security.md").read_text()
        named = re.findall(r"`(hostile|system|integration)/(\w+) (\w+)`", page)
        self.assertGreater(len(named), 40)
        missing = []
        for folder, file, function in named:
            path = studentfs.TOP / f"tests/{folder}/test_{file}.py"
            if not path.exists() or not re.search(rf"def test_{function}\(self", path.read_text()):
                missing.append(f"{folder}/{file} {function}")
        self.assertEqual(missing, [])

    def test_each_layer_has_one(self):
        page = (studentfs.TOP / "docs/security.md").read_text()
        rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 20)
        for row in rows:
            self.assertRegex(row.split("|")[3], r"`(hostile|system|integration)/\w+ \w+`", row)


if __name__ == "__main__":
    studentfs.main()
