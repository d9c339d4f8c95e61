"""Data sets in shards: the same as others to whatever trains on them, wherever they lie."""

import json
import tarfile

import numpy as np
import pytest
import torch
from test_pages import build_page, own_engine  # noqa: F401
from zips import make_class_files, make_picture, write_zip

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.cli.main import main
from transfer_core.dataset import write_shards
from transfer_core.dataset.shards import shard_files, writer
from transfer_core.dataset.shards.splits_by_content import find_copies, give_splits
from transfer_core.errors import DataSetError
from transfer_core.features import join_rows, joined_rows
from transfer_core.networks import get_network
from transfer_core.runs.launch import make_run_config
from transfer_core.runs.perform import perform_run
from transfer_core.system import WorkStopped, disk_cache
from transfer_core.training.data_loaders import MIXED_SHARDS, shuffle_shards_into_batches

CLASSES = {"cod": 60, "eel": 60, "ray": 60}
IN_MEMORY = "memory://shards/fish"  # an object store in this process


@pytest.fixture(scope="session")
def fish(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fish")
    for path, data in make_class_files(CLASSES).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(writer, "SHARD_IMAGES", 25)
    shard_files._openings.clear()


@pytest.fixture
def memory():
    import fsspec

    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()


def read_all(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_other_tools_find_each_image_with_its_class(fish, tmp_path):
    write_shards(fish, str(tmp_path / "out"))
    found = []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(path) as archive:
            files = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}
        for name in sorted(each for each in files if each.endswith(".png")):
            found.append((files[name], int(files[name.replace(".png", ".cls")])))
    expected = [
        (path.read_bytes(), label)
        for label, name in enumerate(sorted(CLASSES))
        for path in (fish / name).iterdir()
    ]
    assert sorted(found) == sorted(expected)


def test_a_set_in_shards_holds_what_the_folder_holds(fish, tmp_path, transfer_home):
    write_shards(fish, str(tmp_path / "out"), name="Fish")
    plain = dataset.ingest(fish, home=transfer_home)
    data = dataset.ingest(tmp_path / "out", home=transfer_home)
    assert (data.name, data.classes, data.counts()) == ("Fish", plain.classes, plain.counts())
    assert dataset.load(transfer_home, data.id).records[7] == data.records[7]
    pictures = {record.path: record.digest for record in plain.records}
    assert {record.path: record.digest for record in data.records} == pictures
    indices = [3, 150, 4]
    assert list(data.iter_image_bytes(transfer_home, indices)) == [
        (fish / data.records[index].path).read_bytes() for index in indices
    ]
    assert sum(len(data.indices(split)) for split in dataset.SPLITS) == len(data.records)
    assert data.records.has_any(["0" * 64, data.records[99].digest])
    assert not data.records.has_any(["0" * 64])
    for split in dataset.SPLITS:
        assert {data.records[i].split for i in data.indices(split).tolist()} == {split}
    with pytest.raises(DataSetError):
        dataset.make_version(transfer_home, data, [])


def test_interrupted_writing_goes_on_to_the_same_files(fish, tmp_path, monkeypatch):
    write_shards(fish, str(tmp_path / "whole"))
    seen = []
    with pytest.raises(WorkStopped):
        write_shards(
            fish,
            str(tmp_path / "out"),
            progress=lambda _, done, total: seen.append(done),
            stop=lambda: bool(seen) and seen[-1] >= 60,
        )
    assert not (tmp_path / "out" / "shards.json").exists()
    finished = {path.stem for path in (tmp_path / "out" / "parts").iterdir()}
    assert 0 < len(finished) < 8
    (tmp_path / "out" / "parts" / "000000.npz").write_bytes(b"cut off")
    written, write = [], writer._write_shard

    def count(shard, *rest):
        written.append(shard.number)
        write(shard, *rest)

    monkeypatch.setattr(writer, "_write_shard", count)
    write_shards(fish, str(tmp_path / "out"))
    assert written == [0, *range(len(finished), 8)]
    assert read_all(tmp_path / "out") == read_all(tmp_path / "whole")
    write_shards(fish, str(tmp_path / "out"))  # finished: nothing to do
    assert len(written) == 1 + 8 - len(finished)
    with pytest.raises(DataSetError):
        write_shards(fish, str(tmp_path / "out"), seed=1)


def test_copies_never_lie_in_two_parts_of_the_split():
    some = np.random.default_rng(0)
    contents = some.integers(0, 2**63, 20_000).astype(np.uint64)
    contents[1::10] = contents[::10]
    given = np.full(len(contents), 255, np.uint8)
    splits, leaks = give_splits(contents, contents, given, ("validation", "test"), 0)
    assert leaks == 0 and (splits[1::10] == splits[::10]).all()
    assert np.allclose(np.bincount(splits) / len(splits), (0.6, 0.2, 0.2), atol=0.02)
    other, _ = give_splits(contents, contents, given, ("validation", "test"), 1)
    assert 0.4 < (splits == other).mean() < 0.5  # 0.36 + 2 * 0.04 by chance
    given[:], given[1::10] = 0, 2
    splits, leaks = give_splits(contents, contents, given, (), 0)
    assert leaks == 2000 and (splits[::10] == len(dataset.SPLITS)).all()
    labels = np.zeros(len(contents), np.uint16)
    labels[1:101:10] = 1
    assert find_copies(contents, labels) == (2000, 10)


def test_an_unreadable_image_is_left_out_and_named(tmp_path, transfer_home):
    files = make_class_files({"cod": 40, "eel": 40}) | {"cod/broken.png": make_picture(99)[:60]}
    write_shards(write_zip(tmp_path / "fish.zip", files), str(tmp_path / "out"))
    data = dataset.ingest(tmp_path / "out", home=transfer_home)
    assert len(data.records) == 80 and data.import_summary.unreadable == 1
    assert [problem.path for problem in data.problems] == ["cod/broken.png"]


def test_shards_elsewhere_are_copied_verified_and_removed_when_room_is_needed(
    fish, memory, transfer_home, monkeypatch
):
    write_shards(fish, IN_MEMORY)
    data = dataset.ingest(IN_MEMORY, home=transfer_home)
    few = list(data.iter_image_bytes(transfer_home, [0, 100]))
    assert not list(transfer_home.glob("shards/*"))  # two images are fetched alone
    everything = range(len(data.records))
    assert list(data.iter_image_bytes(transfer_home, everything))[::100] == few
    kept = sorted(transfer_home.glob("shards/*.tar"))
    assert {path.stem for path in kept} == {file.sha256 for file in data.shards.files}
    memory.store.clear()  # the copies are read now
    assert len(list(data.iter_image_bytes(transfer_home, everything))) == len(everything)
    room = 3 * max(file.size for file in data.shards.files)
    monkeypatch.setenv(disk_cache.SETTING, str(room / disk_cache.GIGABYTE))
    for path in kept:
        path.unlink()
    write_shards(fish, IN_MEMORY)
    assert len(list(data.iter_image_bytes(transfer_home, everything))) == len(everything)
    assert 0 < len(list(transfer_home.glob("shards/*.tar"))) <= 3


def test_a_changed_shard_is_refused_and_a_damaged_copy_is_made_again(fish, memory, transfer_home):
    write_shards(fish, IN_MEMORY)
    data = dataset.ingest(IN_MEMORY, home=transfer_home)
    run = [index for index in range(len(data.records)) if data.records.get_shard(index) == 0]
    expected = list(data.iter_image_bytes(transfer_home, run))
    (copy,) = transfer_home.glob("shards/*.tar")
    copy.write_bytes(copy.read_bytes().replace(b"PNG", b"GNP"))
    assert list(data.iter_image_bytes(transfer_home, run)) == expected
    copy.unlink()
    path = next(name for name in memory.store if name.endswith("shard-000000.tar"))
    memory.pipe_file(path, memory.cat_file(path).replace(b"PNG", b"GNP"))
    with pytest.raises(DataSetError):
        list(data.iter_image_bytes(transfer_home, run))
    assert not list(transfer_home.glob("shards/*"))


@pytest.mark.parametrize("name", ["shards.json", "rows.bin", "paths.bin"])
def test_a_damaged_index_is_refused(fish, tmp_path, transfer_home, name):
    write_shards(fish, str(tmp_path / "out"))
    content = bytearray((tmp_path / "out" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "out" / name).write_bytes(content)
    with pytest.raises(DataSetError):
        dataset.ingest(tmp_path / "out", home=transfer_home)
    assert dataset.store.list_data_sets(transfer_home) == ()


def test_each_epoch_takes_every_image_once_and_few_shards_at_a_time():
    shards = np.repeat(np.arange(40), 50)
    indices = np.flatnonzero(np.arange(len(shards)) % 5)
    draw = lambda seed: shuffle_shards_into_batches(  # noqa: E731
        indices, shards, 32, torch.Generator().manual_seed(seed)
    )
    batches = draw(0)
    assert np.array_equal(np.sort(np.concatenate(batches)), indices)
    assert max(len(np.unique(shards[batch])) for batch in batches) <= 2 * MIXED_SHARDS
    together = [set(shards[batch]) for batch in batches[:8]]
    assert len(set.union(*together)) <= 2 * MIXED_SHARDS and min(map(len, together)) > 4
    assert all(map(np.array_equal, batches, draw(0)))
    assert not all(map(np.array_equal, batches, draw(1)))


def test_embeddings_too_large_for_memory_are_joined_row_by_row(monkeypatch):
    parts = [np.random.default_rng(n).random((20, 3 + n), np.float32) for n in (0, 1)]
    below = [np.concatenate(parts, axis=1), *np.random.default_rng(2).random((2, 9, 7), np.float32)]
    indices = np.array([37, 0, 19, 20, 28, 29, 29])
    expected = np.concatenate(below)[indices]
    monkeypatch.setattr(joined_rows, "MAX_COPIED_BYTES", 0)
    joined = join_rows([join_rows(parts, axis=1), *below[1:]], axis=0)
    assert (len(joined), joined.nbytes) == (38, 38 * 7 * 4)
    assert np.array_equal(joined[indices], expected)


@pytest.mark.parametrize("case", [TransferCase.SMALL_SIMILAR, TransferCase.LARGE_SIMILAR])
def test_a_run_on_shards_ends_with_a_result(
    fish, memory, transfer_home, tmp_path, case, monkeypatch
):
    from transfer_core.training import train

    monkeypatch.setattr(train, "MAX_HELD_BYTES", 0)  # as for embeddings that are too large to hold
    write_shards(fish, IN_MEMORY)
    data, source = dataset.ingest(IN_MEMORY, home=transfer_home), get_network("demonstration")
    strategy = plan_strategy(case, source.stage_names, kind=source.kind)
    config = make_run_config(data, source, strategy.with_epochs(1), 0)
    *_, result = perform_run(config, tmp_path, transfer_home, lambda: False)
    assert result.images == len(data.indices("test"))
    assert len(list(transfer_home.glob("shards/*.tar"))) == len(data.shards.files)


def test_what_the_administrator_registers_is_opened_on_data(
    fish, memory, transfer_home, monkeypatch
):
    write_shards(fish, IN_MEMORY, name="Sea fish")
    monkeypatch.setenv("TRANSFER_SHARDS", f"{IN_MEMORY} s3://elsewhere/birds/")
    app = build_page("data").run()
    assert app.selectbox(key="data_offered").options == ["fish", "birds"]
    app.selectbox(key="data_offered").set_value("fish").run()
    app.button(key="data_read_offered").click().run(timeout=60)
    assert not app.exception and not app.error
    assert "three classes" in app.success[0].value


def test_a_command_writes_and_opens_them(fish, tmp_path, capsys):
    assert main(["shards", str(fish), str(tmp_path / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["images"], told["shards"]) == (180, 8)
    assert main(["inspect", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 180
    assert main(["inspect", str(tmp_path / "none")]) == 2
    assert main(["inspect", "nothing://here"]) == 2


def test_a_store_that_answers_as_s3_does(fish, tmp_path, transfer_home, monkeypatch):
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        import s3fs

        s3fs.S3FileSystem(skip_instance_cache=True).mkdir("lake")
        write_shards(fish, "s3://lake/fish")
        write_shards(fish, str(tmp_path / "out"))
        data = dataset.ingest("s3://lake/fish", home=transfer_home)
        assert data.id == dataset.ingest(tmp_path / "out", home=tmp_path / "home").id
        few = list(data.iter_image_bytes(transfer_home, [0, 100]))
        assert not list(transfer_home.glob("shards/*"))
        assert list(data.iter_image_bytes(transfer_home, range(180)))[::100] == few
        assert len(list(transfer_home.glob("shards/*.tar"))) == 8
    finally:
        server.stop()
