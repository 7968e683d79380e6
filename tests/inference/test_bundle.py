"""A bundle decides what a cell is called: a damaged, altered or hostile one must never answer."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from acquisition.origin import Origin
from inference.bundle import Bundle
from inference.errors import BundleError


def repacked(bundle: Bundle, changes: dict[str, bytes | None]) -> bytes:
    """The bundle's zip with members replaced, added, or (None) left out."""
    members: dict[str, bytes | None] = {
        "contract.json": bundle.document,
        "live.onnx": bundle.live,
        "explain.onnx": bundle.explain,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {**members, **changes}.items():
            if content is not None:
                archive.writestr(name, content)
    return buffer.getvalue()


def is_one_sentence(error: pytest.ExceptionInfo[BundleError]) -> bool:
    text = str(error.value)
    return text.endswith(".") and "\n" not in text and len(text) < 400


def test_a_saved_bundle_is_read_back_the_same_and_to_the_same_bytes(toy_bundle: Bundle, tmp_path: Path) -> None:
    file = toy_bundle.save(tmp_path / "deep" / "toy.bundle")
    again = Bundle.load(file)
    assert again == toy_bundle
    assert again.to_bytes() == file.read_bytes() == Bundle.from_bytes(file.read_bytes()).to_bytes()
    assert [entry.name for entry in file.parent.iterdir()] == ["toy.bundle"]


def test_the_digest_changes_with_anything_in_the_contract(edited: Callable[..., Bundle], toy_bundle: Bundle) -> None:
    assert edited().digest == toy_bundle.digest
    assert edited(name="other").digest != toy_bundle.digest


def test_the_contract_says_where_the_model_comes_from(toy_bundle: Bundle) -> None:
    contract = toy_bundle.contract
    assert contract.training.origin is Origin.SIMULATED
    assert contract.training.sources == ("toy:1", "toy:2")
    assert contract.training.test_sources == ("toy:4",)
    assert contract.command == "pytest"
    assert {"torch", "onnx", "numpy"} <= set(contract.software)


def test_the_graphs_tell_nothing_of_the_computer_they_were_made_on(toy_bundle: Bundle) -> None:
    here = str(Path(__file__).parents[2]).encode()
    for graph in (toy_bundle.live, toy_bundle.explain):
        assert here not in graph
        assert b"site-packages" not in graph


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"There is no bundle '.*none\.bundle'") as error:
        Bundle.load(tmp_path / "none.bundle")
    assert is_one_sentence(error)


@pytest.mark.parametrize("path", ["/dev/zero", "~nobody-of-that-name/x", "."])
def test_what_is_no_file_is_refused_at_once(path: str) -> None:
    with pytest.raises(BundleError, match="There is no bundle"):
        Bundle.load(path)


@pytest.mark.parametrize("cut", [0, 1, 100, 5000, -1, -30])
def test_a_truncated_file_is_refused(toy_bundle: Bundle, cut: int) -> None:
    with pytest.raises(BundleError, match="not a bundle") as error:
        Bundle.from_bytes(toy_bundle.to_bytes()[:cut], origin="cut.bundle")
    assert is_one_sentence(error)


def test_a_flipped_bit_anywhere_is_noticed(toy_bundle: Bundle) -> None:
    data = toy_bundle.to_bytes()
    for place in range(40, len(data) - 200, len(data) // 25):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        with pytest.raises(BundleError):
            Bundle.from_bytes(bytes(damaged))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a\\..\\evil", "C:evil", "models/../../evil"])
def test_a_member_that_climbs_is_refused(toy_bundle: Bundle, name: str) -> None:
    with pytest.raises(BundleError, match="leaves the bundle") as error:
        Bundle.from_bytes(repacked(toy_bundle, {name: b"x"}))
    assert is_one_sentence(error)


@pytest.mark.parametrize("changes", [{"extra.py": b"x"}, {"live.onnx": None}, {"contract.json": None}])
def test_other_members_than_the_three_are_refused(toy_bundle: Bundle, changes: dict[str, bytes | None]) -> None:
    with pytest.raises(BundleError, match="must hold exactly") as error:
        Bundle.from_bytes(repacked(toy_bundle, changes))
    assert is_one_sentence(error)


def test_a_member_given_twice_is_refused(toy_bundle: Bundle) -> None:
    buffer = io.BytesIO(toy_bundle.to_bytes())
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("live.onnx", b"other")
    with pytest.raises(BundleError, match="must hold exactly"):
        Bundle.from_bytes(buffer.getvalue())


def test_a_zip_that_swells_is_refused_before_it_is_unpacked(toy_bundle: Bundle) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("contract.json", toy_bundle.document)
        archive.writestr("explain.onnx", toy_bundle.explain)
        archive.writestr("live.onnx", b"\0" * (1 << 26))
    assert len(buffer.getvalue()) < 1 << 20
    with pytest.raises(BundleError, match=r"refused|damaged"):
        Bundle.from_bytes(buffer.getvalue())


@pytest.mark.parametrize("graph", ["live.onnx", "explain.onnx"])
def test_an_exchanged_graph_is_refused(toy_bundle: Bundle, graph: str) -> None:
    with pytest.raises(BundleError, match=f"damaged: {graph}") as error:
        Bundle.from_bytes(repacked(toy_bundle, {graph: b"another graph"}))
    assert is_one_sentence(error)


def test_a_contract_changed_afterwards_is_refused(toy_bundle: Bundle) -> None:
    document = json.loads(toy_bundle.document)
    document["novelty"]["threshold"] = 99.0
    with pytest.raises(BundleError, match="changed after it was made") as error:
        Bundle.from_bytes(repacked(toy_bundle, {"contract.json": json.dumps(document).encode()}))
    assert is_one_sentence(error)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("format", "lightline-bundle/9", "reads 'lightline-bundle/1'"),
        ("clusters", [], "clusters"),
        ("name", "../x", "name"),
        ("surprise", 1, "surprise"),
        ("inputs", [], "inputs"),
        ("metrics", {"accuracy": {"model": "high"}}, "metrics"),
        ("embedding_axes", ["size"], "embedding_axes"),
        ("classes", [], "explains classes"),
    ],
)
def test_a_contract_that_is_not_valid_names_the_field(toy_bundle: Bundle, field: str, value: object, said: str) -> None:
    document = {**json.loads(toy_bundle.document), field: value}
    with pytest.raises(BundleError, match=said) as error:
        Bundle.from_bytes(repacked(toy_bundle, {"contract.json": json.dumps(document).encode()}))
    assert is_one_sentence(error)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null"])
def test_a_contract_that_is_not_json_is_refused(toy_bundle: Bundle, text: bytes) -> None:
    with pytest.raises(BundleError):
        Bundle.from_bytes(repacked(toy_bundle, {"contract.json": text}))


def test_a_graph_that_reads_other_files_is_refused(edited: Callable[..., Bundle], toy_bundle: Bundle) -> None:
    model = onnx.load_from_string(toy_bundle.live)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")
    hostile = edited(live=model.SerializeToString())
    with pytest.raises(BundleError, match="outside the bundle") as error:
        Bundle.from_bytes(hostile.to_bytes())
    assert is_one_sentence(error)


def test_a_bundle_that_cannot_be_written_leaves_nothing_behind(toy_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BundleError, match="cannot be written"):
        toy_bundle.save(tmp_path / "file" / "toy.bundle")
