"""docs/security.md names a test for each layer: each is there, and is run."""

import re
import unittest

import studentfs

FOLDERS = "hostile|system|integration|unit"
PAGE = (studentfs.TOP / "docs/security.md").read_text()


def has_test(folder, file, function):
    """In C a test is run if it is in the table of its program's."""
    suffix, pattern = ("c", rf"cmocka_unit_test(_\w+)?\(test_{function}\b") if folder == "unit" else \
        ("py", rf"def test_{function}\(self")
    path = studentfs.TOP / f"tests/{folder}/test_{file}.{suffix}"
    return path.exists() and bool(re.search(pattern, path.read_text()))


class Page(unittest.TestCase):
    def test_each_test_is_there(self):
        named = re.findall(rf"`({FOLDERS})/(\w+) (\w+)`", PAGE)
        self.assertGreater(len(named), 60)
        self.assertGreater(len([folder for folder, _, _ in named if folder == "unit"]), 5)
        self.assertEqual([" ".join(names) for names in named if not has_test(*names)], [])

    def test_each_layer_has_one(self):
        table = PAGE.split("\n| layer | ")[1].split("\n\n")[0]
        rows = [line for line in table.splitlines() if line.startswith("| ")]
        self.assertGreater(len(rows), 20)
        for row in rows:
            self.assertRegex(row.split("|")[3], rf"`({FOLDERS})/\w+ \w+`", row)

    def test_no_class_hides_another(self):
        """Two of a name in a file: the first one's tests would not be run."""
        for path in studentfs.TOP.glob("tests/*/test_*.py"):
            names = re.findall(r"^class (\w+)", path.read_text(), re.M)
            self.assertEqual(sorted(names), sorted(set(names)), path.name)

    def test_no_test_hides_another(self):
        for path in studentfs.TOP.glob("tests/*/test_*.py"):
            for body in re.split(r"^class ", path.read_text(), flags=re.M)[1:]:
                names = re.findall(r"^    def (test_\w+)", body, re.M)
                self.assertEqual(sorted(names), sorted(set(names)), f"{path.name} {body.split('(')[0]}")


if __name__ == "__main__":
    studentfs.main()
