"""The rooms' order, so that imports keep pointing backwards along the flow of the data."""

import ast
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


def find_imports(path: Path) -> set[str]:
    """Full names of imported modules, imports for type checkers left out."""
    tree, names = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
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


@pytest.mark.parametrize("path", USERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_a_room_gives_to_others_is_taken_from_its_face(path):
    own = find_room(path) if path.is_relative_to(CORE) else None
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        module = getattr(node, "module", None) or ""
        package, _, room = module.partition(".")
        if not isinstance(node, ast.ImportFrom) or package != "transfer_core" or room == own:
            continue
        if room.partition(".")[0] in PACKAGES - {own} and path != CORE / "__main__.py":
            face = importlib.import_module(f"transfer_core.{room.partition('.')[0]}")
            assert "." not in room, f"{module} is inside a room"
            assert {alias.name for alias in node.names} <= set(face.__all__), module


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


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(CORE)))
def test_a_room_imports_only_earlier_rooms_and_no_user_interface(path):
    room = find_room(path)
    assert room in ROOMS, f"{room} has no place in the flow yet"
    for name in find_imports(path):
        package, *rest = name.split(".")
        assert package not in {"streamlit", "pages", "app"}
        if package == "transfer_core" and rest and rest[0] in ROOMS:
            assert ROOMS.index(rest[0]) <= ROOMS.index(room), f"{room} imports {name}"


# They decode images of the store, which a child process has checked and cleaned.
DECODERS = {"packed_images.py", "store.py", "near_duplicates.py", "pictures.py"}


@pytest.mark.parametrize("path", USERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_what_reads_the_store_decodes_images_in_this_process(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {getattr(node, "attr", getattr(node, "name", "")) for node in ast.walk(tree)}
    is_free = path.parts[-2] == "images" or path.is_relative_to(ROOT / "benchmarks")
    assert "decode_image" not in names or is_free or path.name in DECODERS


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(CORE)))
def test_a_module_stays_within_its_budget(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


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


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_is_short_and_reads_no_module_globals(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 230
    for node in ast.parse(text).body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            names = [each.id for each in ast.walk(target) if isinstance(each, ast.Name)]
            assert all(name.isupper() or name == "__all__" for name in names), (
                f"{names} is no constant"
            )
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        assert not called or ast.unparse(node) == "draw()", ast.unparse(node)


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_address_and_the_caches_are_each_in_one_place(path):
    text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT / "pages"))
    assert "st.query_params" not in text or name == "shared/session/address.py"
    assert "@st.cache_" not in text or name.startswith("shared/caches/")
