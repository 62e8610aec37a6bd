"""What binds a tag to tests: the text of the sources, and the record of a run.

Rust is read here as lines and names, no more: an item (fn, const, static) at
the margin or inside `mod` and `impl`, laid out by rustfmt, and the names that
its text mentions. A test reaches what its text mentions, and what that does.
A tag above an item whose example must not compile belongs to that example.
"""

import collections
import glob
import json
import os
import re
import subprocess
import time

ID = r"[A-Z]{3,4}-[0-9]+"
TAG = re.compile(r"(?://|#)\s*row:\s*(.*)")
LIST = re.compile(r"%s(?:\s*,\s*%s)*" % (ID, ID))
ITEM = re.compile(
    r"^(\s*)(?:pub(?:\([a-z ]+\))? )?(?:const |async |unsafe |extern \"C\" )*"
    r"(fn|const|static|mod|impl|trait|struct|enum|union|macro_rules!)\b\s*(?:mut )?([A-Za-z_][A-Za-z0-9_]*)?")
CONST = re.compile(r"^(\s*)(?:pub(?:\([a-z ]+\))? )?(const|static) (?:mut )?([A-Z_][A-Z0-9_]*)\s*:")
WORD = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*::)*[A-Za-z_][A-Za-z0-9_]*")

# Files that no `cargo test` runs, and the stage that does.
STAGES = [
    ("tests/autobahn/", "autobahn"),
    ("tests/interop/", "interop"),
    ("tests/fuzz/", "fuzz"),
    ("tests/bench/", "bench-smoke"),
    ("tests/size/", "size"),
    ("examples/firmware/", "firmware"),
    ("tests/threads/", "threads"),
]

# Stands for the name of the binary.
EXAMPLE = "example"

Tag = collections.namedtuple("Tag", "row path line place item stage")


def is_code(path):
    if path.startswith("tests/rows/"):
        return False
    if path.endswith(".rs") or path == "check":
        return True
    return path.startswith(("tests/", "examples/")) and (
        path.endswith((".sh", ".py")) or "." not in os.path.basename(path))


def read_tags(root):
    """All tags, and what is wrong with some."""
    names = subprocess.run(
        ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
        check=True, capture_output=True, text=True).stdout.split("\0")
    tags, wrong = [], []
    for name in sorted(filter(is_code, set(names))):
        path = os.path.join(root, name)
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        items = read_items(lines) if name.endswith(".rs") else []
        for at, line in enumerate(lines):
            tag = TAG.search(line)
            if not tag:
                continue
            place = "%s:%d" % (name, at + 1)
            ids = LIST.match(tag[1])
            if not ids:
                wrong.append("%s: a tag without a row: %s" % (place, line.strip()))
                continue
            behind = next((text for text in map(str.strip, lines[at + 1:]) if text and not text.startswith(("//", "#"))), "")
            if not behind or behind[0] in ")]}":
                wrong.append("%s: nothing stands behind the tag" % place)
                continue
            stage = stage_of(name, lines, at)
            item = None if stage else item_at(items, at)
            for row in re.findall(ID, ids[0]):
                tags.append(Tag(row, name, at, place, item and item.name, stage))
    return tags, wrong


def stage_of(name, lines, at):
    if name == "check":
        # The stage's function that follows, or that the tag stands in.
        for line in lines[at:at + 2] + lines[at::-1]:
            function = re.match(r"stage_([a-z0-9-]+)\(\)", line)
            if function:
                return function[1]
        return "check"
    return next((stage for folder, stage in STAGES if name.startswith(folder)), None)


class Item:
    """A function, constant, or test, with its text. `modules`: the inline ones it stands in."""

    def __init__(self, name, kind, first, last, modules, is_test, is_refused, text):
        self.name, self.kind, self.first, self.last = name, kind, first, last
        self.modules, self.is_test, self.is_refused = modules, is_test, is_refused
        self.mentions = set(WORD.findall(strip(text)))


def strip(text):
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', text, flags=re.S)


def read_items(lines):
    items, modules, at = [], [], 0
    while at < len(lines):
        line = lines[at]
        indent = len(line) - len(line.lstrip())
        while modules and line.strip() and indent <= modules[-1][0]:
            modules.pop()
        found = CONST.match(line) or ITEM.match(line)
        if not found or line.strip().startswith("//"):
            at += 1
            continue
        kind, name = found[2], found[3]
        if kind == "mod" and line.rstrip().endswith("{"):
            modules.append((indent, name))
            at += 1
            continue
        if kind in ("impl", "trait") and line.rstrip().endswith("{"):
            at += 1
            continue
        first, is_test, is_refused = at, False, False
        while first > 0 and lines[first - 1].strip().startswith(("#[", "//")):
            first -= 1
            is_test |= lines[first].strip().startswith(("#[test]", "#[tokio::test"))
            is_refused |= lines[first].strip().startswith("/// ```compile_fail")
        last = at
        closing = " " * indent
        # rustfmt: an item ends at the line that closes it at its own margin, or on its only line.
        if not (line.rstrip().endswith((";", "}")) and balanced(line)):
            while last + 1 < len(lines):
                last += 1
                text = lines[last]
                if text.startswith(closing) and re.match(r"[)\]}][;)\]},]*$", text[indent:].rstrip()):
                    break
                if kind in ("const", "static") and text.rstrip().endswith(";") and len(text) - len(text.lstrip()) <= indent + 4 \
                        and balanced("\n".join(lines[at:last + 1])):
                    break
        if name and kind in ("fn", "const", "static", "macro_rules!", "struct", "enum"):
            items.append(Item(name, kind, first, last, tuple(m for _, m in modules), is_test, is_refused, "\n".join(lines[at:last + 1])))
        at = last + 1
    return items


def balanced(text):
    text = strip(text)
    return all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}"))


def item_at(items, at):
    """The item that a line stands in, or above."""
    for item in items:
        if item.first <= at <= item.last:
            return item
    return None


class Sources:
    """Which tests reach a tag. A test: (target, module..., function)."""

    def __init__(self, root):
        self.crates = [Crate(root, target) for target in targets(root)]

    def reaching(self, tag):
        tests = set()
        for crate in self.crates:
            example = crate.refused_example(tag.path, tag.line)
            if example:
                return {example}
            # What is in a library for tests is reached from the test crates that name it.
            if tag.path in crate.files:
                tests |= crate.reaching(tag.path, tag.line)
                if crate.is_library:
                    item = item_at(crate.files[tag.path][1], tag.line)
                    exported = crate.upwards(tag.path, item.name) if item else set()
                    for other in self.crates:
                        if not other.is_library and other.package_dir == crate.package_dir:
                            tests |= other.mentioning(exported)
        return tests


class Crate:
    """One target of cargo's: its files, with their module paths and items."""

    def __init__(self, root, target):
        self.key, self.is_library = target["key"], target["is_library"]
        self.package_dir = target["package_dir"]
        self.files = {}
        folder = os.path.dirname(target["src"])
        start = os.path.basename(target["src"])
        if self.is_library or start == "main.rs":
            paths = sorted(glob.glob(os.path.join(root, folder, "**", "*.rs"), recursive=True))
            paths = [os.path.relpath(path, root) for path in paths]
            paths = [path for path in paths if not path.startswith(os.path.join(folder, "bin") + os.sep)]
        else:
            paths = [target["src"]]
        for path in paths:
            with open(os.path.join(root, path), encoding="utf-8") as f:
                lines = f.read().split("\n")
            inside = os.path.relpath(path, folder)[:-len(".rs")].split(os.sep)
            if path == target["src"]:
                inside = []
            elif inside[-1] == "mod":
                inside.pop()
            self.files[path] = (tuple(inside), read_items(lines))
        # In how many files an item has this name, and which items mention it: asked very often.
        self.named = collections.Counter()
        self.mentioned = collections.defaultdict(list)
        for path, (_, items) in self.files.items():
            self.named.update({item.name for item in items})
            for item in items:
                for name in {word.split("::")[-1] for word in item.mentions}:
                    self.mentioned[name].append((path, item))
        self.reached = {}

    def refused_example(self, path, line):
        item = path in self.files and item_at(self.files[path][1], line)
        return (EXAMPLE, path, item.name) if item and item.is_refused else None

    def reaching(self, path, line):
        modules, items = self.files[path]
        item = item_at(items, line)
        if item is None:
            return set()
        if item.is_test:
            return {(self.key, *modules, *item.modules, item.name)}
        return self.tests_of(self.upwards(path, item.name))

    def upwards(self, path, name):
        """(path, name) of all items that mention an item of this crate, at any remove."""
        if (path, name) in self.reached:
            return self.reached[path, name]
        seen, todo = set(), [(path, name)]
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            for other, item in self.mentioned[at[1]]:
                if (other, item.name) not in seen and self.mentions(other, item, *at):
                    todo.append((other, item.name))
        self.reached[path, name] = seen
        return seen

    def mentions(self, path, item, where, name):
        if (path, item.name) == (where, name):
            return False
        same = self.named[name]
        for word in item.mentions:
            parts = word.split("::")
            if parts[-1] != name:
                continue
            if same == 1 or path == where and len(parts) == 1:
                return True
            # Of several of one name it is the one whose module is named before it.
            module = self.files[where][0]
            if len(parts) > 1 and module and parts[-2] == module[-1]:
                return True
        return False

    def tests_of(self, reached):
        tests = set()
        for path, name in reached:
            modules, items = self.files[path]
            for item in items:
                if item.name == name and item.is_test:
                    tests.add((self.key, *modules, *item.modules, name))
        return tests

    def mentioning(self, exported):
        """The tests here that reach one of a library's names."""
        names = {name for _, name in exported}
        tests = set()
        for path, (_, items) in self.files.items():
            for item in items:
                if any(word.split("::")[-1] in names for word in item.mentions):
                    tests |= self.tests_of(self.upwards(path, item.name))
        return tests


def targets(root):
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"],
        cwd=root, check=True, capture_output=True, text=True).stdout)
    for package in metadata["packages"]:
        folder = os.path.relpath(os.path.dirname(package["manifest_path"]), root)
        for target in package["targets"]:
            kind = target["kind"][0]
            if kind in ("lib", "test"):
                src = os.path.relpath(target["src_path"], root)
                yield {
                    "src": src, "package_dir": folder, "is_library": kind == "lib",
                    # As cargo calls it, in the package's folder: "tests/uri.rs", and the name of the binary.
                    "key": (target["name"].replace("-", "_"), os.path.relpath(src, folder)),
                }


class Record:
    """The tests that passed, from the logs of `cargo test`: in every run of them that there was."""

    RUNNING = re.compile(r"^\s*Running (?:unittests )?(\S+) \(.*[/\\](\S+)-[0-9a-f]+(?:\.exe)?\)$")
    TEST = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)")
    REFUSED = re.compile(r"^test (\S+\.rs) - (?:\S+::)?(\S+) \(line \d+\) - compile fail \.\.\. (ok|FAILED|ignored)")

    def __init__(self, folder):
        good, bad = set(), set()
        logs = sorted(glob.glob(os.path.join(folder, "test.*.log")))
        for log in logs:
            binary = None
            with open(log, encoding="utf-8", errors="replace") as f:
                for line in f:
                    running = self.RUNNING.match(line)
                    if running:
                        binary = (running[2], running[1].replace("\\", "/"))
                        continue
                    if line.lstrip().startswith("Doc-tests "):
                        binary = None
                    refused = self.REFUSED.match(line)
                    if refused:
                        (good if refused[3] == "ok" else bad).add((EXAMPLE, refused[1].replace("\\", "/"), refused[2]))
                    test = self.TEST.match(line)
                    if test and binary:
                        (good if test[2] == "ok" else bad).add((binary, *test[1].split("::")))
        self.tests, self.failed = good - bad, bad
        self.when = ""
        if logs:
            latest = max(os.path.getmtime(log) for log in logs)
            self.when = " (recorded %s)" % time.strftime("%Y-%m-%d %H:%M", time.localtime(latest))

    def passed(self, test):
        return test in self.tests
