"""The rooms' order, so that imports keep pointing backwards along the flow of the data.

Each test looks through all files and tells every fault: a test per file would be two thousand.
"""

import ast
import functools
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "transfer_core"
ROOMS = [  # a room may import only from rooms before it
    "languages",
    "errors",
    "settings",
    "cases",
    "system",
    "images",
    "dataset",
    "networks",
    "features",
    "training",
    "timing",
    "transferability",
    "runs",
    "workspaces",
    "inspection",
    "figures",
    "export",
    "api",
    "cli",
    "__main__",
]
MODULES = sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


def find_room(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@functools.cache
def list_nodes(path: Path) -> list[ast.AST]:
    """Every node of a module, the module first."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def get_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def find_imports(path: Path) -> set[str]:
    """Full names of imported modules, imports for type checkers left out."""
    names, nodes = set(), list_nodes(path)
    is_for_types = {
        id(each)
        for node in nodes
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for statement in node.body
        for each in ast.walk(statement)
    }
    for node in nodes:
        if id(node) in is_for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


PACKAGES = {path.name for path in CORE.iterdir() if (path / "__init__.py").exists()}
USERS = sorted(
    path
    for folder in ("transfer_core", "pages", "benchmarks", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if ".venv" not in path.parts  # the environment of the benchmarks' peers
)


def test_what_a_room_gives_to_others_is_taken_from_its_face():
    assert [fault for path in USERS for fault in find_ways_round_faces(path)] == []


def find_ways_round_faces(path: Path) -> list[str]:
    own, found = find_room(path) if path.is_relative_to(CORE) else None, []
    for node in list_nodes(path):
        module = getattr(node, "module", None) or ""
        package, _, room = module.partition(".")
        if not isinstance(node, ast.ImportFrom) or package != "transfer_core" or room == own:
            continue
        if room.partition(".")[0] in PACKAGES - {own} and path != CORE / "__main__.py":
            face = importlib.import_module(f"transfer_core.{room.partition('.')[0]}")
            hidden = {alias.name for alias in node.names} - set(face.__all__)
            if "." in room or hidden:
                found.append(f"{get_name(path)} imports {hidden} of {module}, not of its face")
    return found


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_face_names_what_there_is_and_nothing_that_hides_a_module(package):
    face = importlib.import_module(f"transfer_core.{package}")
    assert face.__doc__
    modules = {path.stem for path in (CORE / package).iterdir()}
    for name in getattr(face, "__all__", ()):
        value = getattr(face, name)
        assert name not in modules or isinstance(value, ModuleType), name


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_no_two_modules_give_the_same_name_to_a_face(package):
    tree = ast.parse((CORE / package / "__init__.py").read_text(encoding="utf-8"))
    lists = [node.elts for node in ast.walk(tree) if isinstance(node, ast.List)]
    names = [each.value for elements in lists for each in elements]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)


def test_the_house_keeps_to_sixteen_packages_and_three_modules():
    modules = {path.stem for path in CORE.glob("*.py")} - {"__init__", "__main__"}
    assert len(PACKAGES) <= 16 and len(modules) <= 3


def test_a_room_imports_only_earlier_rooms_and_no_user_interface():
    assert {find_room(path) for path in MODULES} <= set(ROOMS)  # each has a place in the flow
    faults = []
    for path in MODULES:
        room = find_room(path)
        for imported in find_imports(path):
            package, *rest = imported.split(".")
            is_later = (
                package == "transfer_core"
                and rest
                and rest[0] in ROOMS
                and ROOMS.index(rest[0]) > ROOMS.index(room)
            )
            if is_later or package in {"streamlit", "pages", "app"}:
                faults.append(f"{get_name(path)} imports {imported}")
    assert faults == []


# They decode images of the store, which a child process has checked and cleaned.
DECODERS = {"packed_images.py", "store.py", "near_duplicates.py", "pictures.py"}


def test_only_what_reads_the_store_decodes_images_in_this_process():
    found = {
        path
        for path in USERS
        if any(
            getattr(n, "attr", getattr(n, "name", "")) == "decode_image" for n in list_nodes(path)
        )
    }
    benchmarks = ROOT / "benchmarks"
    assert [
        get_name(path)
        for path in found
        if path.name not in DECODERS
        and path.parts[-2] != "images"
        and not path.is_relative_to(benchmarks)
    ] == []


def test_a_module_stays_within_its_budget():
    lengths = {get_name(path): count_lines(path) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > 300} == {}


def count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_core_imports_without_streamlit():
    code = (
        "import sys; sys.modules['streamlit'] = None\n"
        "import transfer_core.__main__, transfer_core.runs.launch, transfer_core.export"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_command_line_the_catalog_and_kept_readings_do_without_torch():
    code = (
        "import sys, transfer_core.__main__, transfer_core.networks\n"
        "assert len(transfer_core.networks.list_networks()) > 80 and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_unsafe_html_pickle_or_extraction_anywhere():
    banned = ("unsafe_allow_html=True", "import pickle", "extractall(", "weights_only=False")
    sources = [*CORE.rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in banned if word in text], path


PAGE_FILES = sorted((ROOT / "pages").rglob("*.py"))


def test_a_page_is_short_and_reads_no_module_globals():
    lengths = {get_name(path): count_lines(path) for path in PAGE_FILES}
    assert {path: lines for path, lines in lengths.items() if lines > 230} == {}
    assert [fault for path in PAGE_FILES for fault in find_globals(path)] == []


def find_globals(path: Path) -> list[str]:
    """What a module assigns that is no constant, and what it calls when it is imported."""
    found = []
    for node in list_nodes(path)[0].body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            names = [each.id for each in ast.walk(target) if isinstance(each, ast.Name)]
            found += [each for each in names if not each.isupper() and each != "__all__"]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found += {ast.unparse(node)} - {"draw()"}
    return [f"{get_name(path)}: {each}" for each in found]


def test_the_address_and_the_caches_are_each_in_one_place():
    texts = {path: path.read_text(encoding="utf-8") for path in PAGE_FILES}
    of_address = {get_name(path) for path, text in texts.items() if "st.query_params" in text}
    of_caches = {get_name(path) for path, text in texts.items() if "@st.cache_" in text}
    assert of_address <= {"pages/shared/session/address.py"}
    assert {path for path in of_caches if not path.startswith("pages/shared/caches/")} == set()
