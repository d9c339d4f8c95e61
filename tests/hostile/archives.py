"""Archives that mean harm or bad luck, made by code; the numbers are those of the catalogue.

Each case says what must be seen: a refusal that holds some words, or exactly what is kept and what
is left out. The first ones are looked into, and their files read; the last ones become data sets.
"""

import os
import stat
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))

from zips import RawZip, deflate, make_class_files, make_picture, write_zip

from transfer_core.dataset.archive import Limits, MemberError, Problem, open_archive
from transfer_core.errors import TransferError

MEGABYTE = 1 << 20
A, B, LARGE = make_picture(1), make_picture(2), make_picture(3, (60, 60))
GOOD = {"c/1.png": A}
PLAIN = "kept c/1.png"
REFUSED = "refused: "
MAX_TOLD = 5  # problems of an archive that are listed one by one


def look_into(path: Path, limits: Limits) -> str:
    """Read all files of an archive; returns which are kept, and why others are left out."""
    kept, left = [], []
    with open_archive(path, limits) as source:
        for member in source.members:
            try:
                changed = source.read(member) not in (A, B, LARGE)
                kept.append(member.path + " CHANGED" * changed)
            except MemberError as error:
                left.append(f"damaged {member.path} ({error.problem})")
        if len(source.problems) <= MAX_TOLD:
            left += [f"{problem.kind} {problem.path}".rstrip() for problem in source.problems]
        else:
            left += count_kinds(source.problems)
        left += [f"{source.junk} junk"] if source.junk else []
    return "; ".join(("kept " + ", ".join(kept or ["nothing"]), *left))


def load(path: Path, _limits: Limits) -> str:
    """Make a data set of an archive; returns its classes, counts and problems."""
    from transfer_core import dataset

    with tempfile.TemporaryDirectory() as home:
        found = dataset.ingest(path, home=Path(home))
    counts = zip(found.classes, found.counts(), strict=True)
    kept = ", ".join(f"{name} {number}" for name, number in counts)
    return "; ".join((f"kept {kept}", *count_kinds(found.problems)))


def count_kinds(problems: tuple[Problem, ...]) -> list[str]:
    kinds = Counter(problem.kind for problem in problems)
    return [f"{number} {kind}" for kind, number in sorted(kinds.items())]


@dataclass(frozen=True)
class Case:
    """One archive and what must become of it."""

    number: str  # in the catalogue; C1 and so on are holes that were found, N later ones
    name: str
    make: Callable[[Path], Path]  # into an empty folder; returns what is to be read
    expected: str  # all that is seen, or words of the refusal
    limits: Limits = Limits()
    read: Callable[[Path, Limits], str] = look_into

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    def see(self, folder: Path) -> tuple[str, float]:
        """Make it and read it; returns what is seen, and seconds of reading."""
        path, began = self.make(folder), time.perf_counter()
        try:
            seen = self.read(path, self.limits)
        except TransferError as error:
            seen = f"{REFUSED}{error}"
        return seen, time.perf_counter() - began


# ------------------------------------------------------------------ Ways to make them


def of_bytes(content: Callable[[], bytes] | bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "a.zip"
        path.write_bytes(content if isinstance(content, bytes) else content())
        return path

    return make


def of_files(files: Callable[[], dict[str, bytes]] | dict[str, bytes], **options):
    """A zip as the standard library writes it."""
    return lambda folder: write_zip(
        folder / "a.zip", files if isinstance(files, dict) else files(), **options
    )


def of_entry(
    name: bytes | str, content: bytes = A, *, beside: dict[str, bytes] | None = None, **lies
):
    """A zip with one odd entry, written by hand, and others behind it."""

    def make() -> bytes:
        raw = RawZip().add(name, content, **lies)
        for other, data in (beside or {}).items():
            raw.add(other, data)
        return raw.bytes()

    return of_bytes(make)


def of_folder(fill: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "set" / "c").mkdir(parents=True)
        fill(folder / "set")
        return folder / "set"

    return make


def of_sets(counts: dict[str, int], **more: bytes):
    return of_files(lambda: make_class_files(counts) | more)


def cut_off(share: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = write_zip(folder / "a.zip", {f"c/{n}.png": A for n in range(20)})
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        return path

    return make


def overlap() -> bytes:
    """Sixty entries that claim the bytes of the first, as Fifield's bomb does."""
    kernel = deflate(bytes(MEGABYTE))
    raw = RawZip().add("c/0.png", bytes(MEGABYTE))
    for number in range(1, 60):
        raw.add(f"c/{number}.png", bytes(MEGABYTE), header=0, packed=kernel)
    return raw.bytes()


def quote_next_header() -> bytes:
    raw = RawZip().add("a.png", A).add("b.png", B)
    first = struct.unpack_from("<L", raw.directory, 20)[0]
    struct.pack_into("<L", raw.directory, 20, first + 40)
    return raw.bytes()


def share_one_header() -> bytes:
    raw = RawZip().add("d/", b"")
    for number in range(200):
        raw.add(f"d{number}/", header=0)
    return raw.bytes()


def prefix() -> bytes:
    raw = RawZip()
    raw.data += b"PK\3\4 but something else"
    return raw.add("a.png", A).bytes()


def zip64_elsewhere() -> bytes:
    whole = RawZip().add("a.png", A).bytes()
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 3, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return whole[:-22] + locator + end


def count_in_zip64(count: int, files: int = 2) -> Callable[[Path], Path]:
    """A zip of a few files that claims another number of them."""

    def make() -> bytes:
        raw = RawZip()
        for number in range(files):
            raw.add(f"c/{number}.png", A)
        return raw.bytes_with_zip64_count(count)

    return of_bytes(make)


def crowd(count: int, size: int) -> Callable[[Path], Path]:
    """A zip of so many files of so many bytes, all of one name and one offset."""

    def make() -> bytes:
        raw = RawZip().add("0000000", bytes(size), method=0)
        raw.data, raw.directory, raw.count = raw.data * count, raw.directory * count, count
        return raw.bytes()

    return of_bytes(make)


def many_long_names(name: str) -> Callable[[Path], Path]:
    def make() -> bytes:
        raw = RawZip()
        for number in range(300):
            raw.add(f"{number}{name}", flags=0)
        return raw.bytes()

    return of_bytes(make)


def spell_class(times: int) -> bytes:
    """A zip with a class whose name is spelt in so many ways, with capitals and without."""
    raw = RawZip()
    for number in range(times):
        name = format(number, "017b").replace("0", "a").replace("1", "A")
        raw.add(f"{name}/1.png", A, method=0)
    return raw.bytes()


def link_out(folder: Path) -> None:
    (folder / "c" / "1.png").symlink_to("/etc/passwd")
    os.mkfifo(folder / "c" / "2.png")
    (folder / "d").symlink_to("/etc", target_is_directory=True)


def dig(folder: Path) -> None:
    deep = folder / "/".join("abcdefghijkl")
    deep.mkdir(parents=True)
    (deep / "1.png").write_bytes(A)


# ------------------------------------------------------------------ The cases


def list_cases() -> Iterator[Case]:
    """All cases in the order of the catalogue."""
    yield from _list_other_files()
    yield from _list_bombs()
    yield from _list_names()
    yield from _list_lies()
    yield from _list_sets()


def _list_other_files() -> Iterator[Case]:
    yield Case("1", "no file at all", lambda folder: folder / "none.zip", "none.zip")
    for number, name, content, words in (
        ("1", "an empty file", b"", "an empty file"),
        ("1", "a web page", b"<html>not found</html>", "a file of another kind"),
        ("26", "RAR", b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        ("26", "7z", b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        ("26", "gzip", b"\x1f\x8b\x08", "a gzip archive"),
        ("26", "tar", bytes(257) + b"ustar\x0000", "a tar archive"),
    ):
        yield Case(number, name, of_bytes(content), words)
    for share in (0.1, 0.5, 0.9, 0.999):
        yield Case("2", f"cut off at {share:.1%}", cut_off(share), "cut off")
    yield Case("3", "nothing inside", of_files({}), "no images")
    yield Case("3", "folders alone", of_files({"a/": b"", "b/": b""}), "no images", read=load)
    yield Case(
        "8",
        "a zip inside",
        of_files(GOOD | {"c/in.zip": b"PK\3\4"}),
        f"{PLAIN}; nested-archive c/in.zip",
    )
    yield Case(
        "8",
        "a zip and nothing else",
        of_files({"in.zip": b"PK\3\4"}),
        "unpack that first",
        read=load,
    )


def _list_bombs() -> Iterator[Case]:
    yield Case(
        "4", "zeros in one file", of_files(lambda: {"c/1.png": bytes(60 * MEGABYTE)}), "zip bomb"
    )
    yield Case(
        "4",
        "zeros in many files",
        of_files(lambda: {f"c/{n}.png": bytes(900_000) for n in range(40)}),
        "zip bomb",
    )
    yield Case(
        "4",
        "more than the disk is to hold",
        of_files(lambda: {f"c/{n}.png": os.urandom(10_000) for n in range(5)}),
        "more than may be stored",
        Limits(total_bytes=30_000),
    )
    yield Case("5", "sixty files of the same bytes", of_bytes(overlap), "shares its bytes")
    yield Case(
        "5", "a file that quotes the next header", of_bytes(quote_next_header), "shares its bytes"
    )
    yield Case(
        "6", "two hundred folders of one header", of_bytes(share_one_header), "shares its bytes"
    )
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield Case("7", f"method {method}", of_files(GOOD, method=method), "ordinary zip (deflate)")
    yield Case("7", "method 99", of_entry("a.png", method=99), "method 99")
    yield Case("24", "one file too many", crowd(100_001, 0), "more than 100,000")
    yield Case("24", "300,000 files of 64 bytes", crowd(300_000, 64), "more than 100,000")
    yield Case(
        "24", "two files that claim to be ten million", count_in_zip64(10**7), "too many files"
    )
    yield Case("24", "two files that claim to be one", count_in_zip64(1), "more files than it says")


def _list_names() -> Iterator[Case]:
    for name in ("../evil.png", "c/../../evil.png", "c\\..\\..\\evil.png", ".."):
        yield Case("9", f"the name {name}", of_entry(name), "climbs out")
    for name in ("/etc/x.png", "C:\\x.png", "c:x.png", "//server/x", "\\\\srv\\x"):
        yield Case("10", f"the name {name}", of_entry(name), "absolute path")
    yield Case(
        "10",
        "backslashes between folders",
        of_entry("cats\\1.png", beside={"./dogs//2.png": B}),
        "kept cats/1.png, dogs/2.png",
    )
    for kind, mode in (("link", stat.S_IFLNK), ("pipe", stat.S_IFIFO), ("device", stat.S_IFCHR)):
        made = of_entry("c/1.png", b"/etc/passwd", mode=mode | 0o777)
        yield Case("11", f"a {kind}", made, "link or a device")
    yield Case(
        "11",
        "a folder with links and a pipe",
        of_folder(link_out),
        "kept nothing; not-a-file c/1.png; not-a-file c/2.png; not-a-file d",
    )
    yield Case("12", "the bits of setuid", of_entry("c/1.png", mode=stat.S_IFREG | 0o6777), PLAIN)
    for second in ("c/1.png", "c\\1.png"):
        yield Case(
            "13",
            f"c/1.png and {second}",
            of_entry("c/1.png", beside={second: B}),
            "two files with the same name. Found: c/1.png",
        )
    for twin in ("c/ÄB.PNG", "c/a\u0308b.png"):
        yield Case(
            "14",
            f"c/äb.png and {twin}",
            of_entry("c/äb.png", beside={twin: B}),
            f"kept c/äb.png; twin {twin}",
        )
    for character in ("\0", "\n", "\x1b", "\x7f", "\u2028", "\u202e", "\u2066"):
        yield Case(
            "15",
            f"the character {ord(character):X}",
            of_entry(f"c/a{character}x.png"),
            "Found: c/a\ufffdx.png",
        )
    for kind, name in (
        ("too-deep", "d/" * 11 + "1.png"),
        ("name-too-long", "c/" + "x" * 300 + ".png"),
        ("name-too-long", "/".join(["x" * 100] * 6) + ".png"),
        ("too-deep", "d/" * 2000 + "1.png"),
    ):
        yield Case(
            "16",
            f"a name of {len(name):,} letters",
            of_entry(name, beside=GOOD),
            f"{PLAIN}; {kind} {name[:119]}".removesuffix("…") + ("…" if len(name) > 120 else ""),
        )
    yield Case("16", "no name", of_entry("", beside=GOOD), f"{PLAIN}; unnamed")
    yield Case(
        "16",
        "a folder twelve folders deep",
        of_folder(dig),
        "kept nothing; too-deep a/b/c/d/e/f/g/h/i/j",
    )
    for name in ("a/" + "é" * 32_000, "d/" * 30_000 + "x.png"):
        kind = "name-too-long" if "é" in name else "too-deep"
        seen = f"kept nothing; 300 {kind}"
        yield Case("C12", f"300 names of {len(name):,} letters", many_long_names(name), seen)
    yield Case(
        "17", "names that Windows reserves", of_files({"con/aux.png": A}), "kept con/aux.png"
    )
    for encoding, name in (
        ("utf-8", "Bäume/1.png"),
        ("cp437", "Bäume/1.png"),
        ("cp866", "собаки/1.png"),
        ("shift_jis", "犬の写真/1.png"),
    ):
        yield Case("18", f"a name in {encoding}", of_entry(name.encode(encoding)), f"kept {name}")
    yield Case(
        "19", "a false mark of UTF-8", of_entry(b"c/\xff\xfe.png", flags=0x800), "marked as UTF-8"
    )
    junk = (
        "__MACOSX/c/._1.png",
        ".DS_Store",
        "c/Thumbs.db",
        "c/.ipynb_checkpoints/1.png",
        "c/desktop.ini",
        "c/Icon\r",
    )
    yield Case(
        "25",
        "what systems leave behind",
        of_files(GOOD | dict.fromkeys(junk, b"x")),
        f"{PLAIN}; 6 junk",
    )


def _list_lies() -> Iterator[Case]:
    yield Case("20", "a password", of_entry("c/1.png", flags=0x801), "Remove the password")
    for claimed in (1, 2**31):
        yield Case("21", f"a claim of {claimed:,} bytes", of_entry("c/1.png", size=claimed), PLAIN)
    extra = struct.pack("<2HQ", 1, 8, 2**62)
    yield Case(
        "21", "a claim of 2^62 bytes", of_entry("c/1.png", size=0xFFFFFFFF, extra=extra), PLAIN
    )
    yield Case(
        "21",
        "a file that is too large",
        of_entry("c/0.png", LARGE, beside=GOOD),
        f"{PLAIN}; damaged c/0.png (The file is larger than 0 MB.)",
        Limits(entry_bytes=4000),
    )
    yield Case(
        "22",
        "another name in the file's header",
        of_entry("c/1.png", local_name=b"c/2.exe"),
        "the file itself does not",
    )
    yield Case(
        "22",
        "two archives joined",
        of_bytes(lambda: RawZip().add("a.png", A).bytes() + RawZip().add("b.png", B).bytes()),
        "other data stand before",
    )
    yield Case(
        "22", "data before it, and corrected offsets", of_bytes(prefix), "other data stand before"
    )
    yield Case("22", "a zip64 record elsewhere", of_bytes(zip64_elsewhere), "zip64")
    yield Case(
        "23",
        "a false checksum",
        of_entry("c/0.png", crc=7, beside=GOOD),
        f"{PLAIN}; damaged c/0.png (The file is damaged inside the zip: its checksum is wrong.)",
    )


def _list_sets() -> Iterator[Case]:
    def case(number: str, name: str, make, expected: str) -> Case:
        return Case(number, name, make, expected, read=load)

    yield case("45", "one class", of_sets({"all": 3}), "only one class, all")
    yield case("45", "one class in train", of_sets({"train/a": 3}), "only one class, a")
    yield case(
        "46",
        "a class of two images",
        of_sets({"a": 3, "b": 2}),
        "Too few usable training images in 1 class: b (2)",
    )
    yield case(
        "46",
        "a class of one image to train on",
        of_sets({"train/a": 3, "train/b": 1, "val/a": 1}),
        "b (1)",
    )
    same = {f"{n}/{m}.png": A for n in range(1001) for m in range(3)}
    yield case("47", "1,001 classes", of_files(same), "1,001 class folders")
    yield case(
        "48", "no folders", of_files({"1.png": A, "2.png": B}), "do not lie in class folders"
    )
    yield case("48", "no images", of_files({"a/notes.txt": b"x"}), "├── first class")
    yield case(
        "48",
        "no folder to train on",
        of_sets({f"{part}/{name}": 2 for part in ("test", "val") for name in "ab"}),
        "no train folder",
    )
    yield case("49", "folders around", of_sets({"x/y/a": 3, "x/y/b": 3}), "kept a 3, b 3")
    yield case(
        "49",
        "parts under usual names",
        of_sets(
            {
                "x/Training/a": 3,
                "x/Training/b": 3,
                "x/VALID/a": 1,
                "x/VALID/b": 1,
                "x/Testing/a": 1,
                "x/Testing/b": 1,
            }
        ),
        "kept a 5, b 5",
    )
    copy = make_picture(0)  # of a/0.png or test/a/0.png
    yield case(
        "50",
        "an image twice in a class",
        of_sets({"a": 4, "b": 4}, **{"a/x.png": copy}),
        "kept a 5, b 4; 1 duplicate",
    )
    yield case(
        "50",
        "an image in two classes",
        of_sets({"a": 4, "b": 4}, **{"b/x.png": copy}),
        "kept a 4, b 5; 2 conflict; 1 duplicate",
    )
    yield case(
        "50",
        "an image in train and test",
        of_sets({"test/a": 2, "test/b": 2, "train/a": 4, "train/b": 4}, **{"train/a/x.png": copy}),
        "kept a 6, b 6; 1 leak",
    )
    yield case(
        "51",
        "sixty images against five",
        of_sets({"a": 60, "b": 5}),
        "kept a 60, b 5; 1 unbalanced",
    )
    yield case(
        "52",
        "equal images in each class",
        of_files({f"{c}/{n}.png": A if c == "a" else B for c in "ab" for n in range(6)}),
        "kept a 6, b 6; 10 duplicate; 2 identical",
    )
    yield case(
        "53", "classes named con and a space", of_sets({" ": 3, "con": 3}), "kept con 3, unnamed 3"
    )
    names = ("$x^2$", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "{{7*7}}")
    yield case(
        "N", "a class in 20,000 spellings", of_bytes(lambda: spell_class(20_000)), "one class"
    )
    for twin in ("ca\u200bt", "cat\u00ad", "ca\u2060t", "\ufeffcat", "cat\u3164", "cat\u00a0"):
        made = of_sets({"cat": 3, twin: 3, "dog": 3})
        yield case("N", f"cat and {ascii(twin)}", made, "kept cat 6, dog 3; 1 class-spelling")
    made = of_sets({"\u200b\u2060": 3, "dog": 3})
    yield case("N", "a class that cannot be seen", made, "kept dog 3, unnamed 3")
    joined = "\U0001f469\u200d\U0001f52c"  # a woman who is a scientist, by an invisible joiner
    yield case("56", "a class of two lines", of_sets({"a\nb": 3, "c": 3}), "control characters")
    yield case(
        "57", "a class of joined emoji", of_sets({joined: 3, "b": 3}), f"kept b 3, {joined} 3"
    )
    yield case(
        "54",
        "classes named like programs",
        of_sets(dict.fromkeys(names, 3)),
        "kept " + ", ".join(f"{name} 3" for name in names),
    )


CASES = tuple(list_cases())


def main() -> None:
    """Print the table with what is seen: `PYTHONPATH=. python tests/hostile/archives.py`."""
    print("| case | expected | seen | s |\n|---|---|---|---|")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            seen, seconds = case.see(Path(folder))
        cells = (ascii(text)[1:-1][:200] for text in (str(case), case.expected, seen))
        print(f"| {' | '.join(cells)} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
