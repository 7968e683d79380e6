"""Who gets a model from somebody else can see what is wrong with it before a run depends on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inference.bundle import Bundle
from inference.errors import BundleError
from inference.onnx_file import OnnxError, summarise
from inference.shipped import SHIPPED, shipped_bundles
from inference.verification import verify

Change = Callable[[onnx.ModelProto], None]


def changed(graph: bytes, change: Change) -> bytes:
    model = onnx.load_from_string(graph)
    change(model)
    return bytes(model.SerializeToString())


def with_one_nan(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) > 1)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[-1] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def with_infinity_as_numbers(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(helper.make_tensor("odd", TensorProto.FLOAT, [2], [1.0, math.inf]))


def with_nan_in_a_subgraph(model: onnx.ModelProto) -> None:
    inner = helper.make_node("Constant", [], ["c"], value=helper.make_tensor("v", TensorProto.DOUBLE, [1], [math.nan]))
    branch = helper.make_graph([inner], "branch", [], [helper.make_tensor_value_info("c", TensorProto.DOUBLE, [1])])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))


def with_foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.microsoft"
    model.opset_import.add(domain="com.microsoft", version=1)


def with_own_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Relu", ["a"], ["b"])
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], [node], [helper.make_opsetid("", 18)]))


def with_other_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 12


def with_nothing_in_it(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_one_nan, "1 of its .* weights are not finite"),
        (with_infinity_as_numbers, "not finite"),
        (with_nan_in_a_subgraph, "not finite"),
        (with_foreign_operator, "operators of 'com.microsoft'"),
        (with_own_function, "defines itself"),
        (with_other_opset, "operator set is 12"),
        (with_nothing_in_it, "computes nothing"),
    ],
)
@pytest.mark.parametrize("graph", ["live", "explain"])
def test_a_graph_that_is_not_sound_is_refused_at_loading(
    edited: Callable[..., Bundle], toy_bundle: Bundle, graph: str, change: Change, said: str
) -> None:
    lying = edited(**{graph: changed(getattr(toy_bundle, graph), change)})
    with pytest.raises(BundleError, match=said) as error:
        Bundle.from_bytes(lying.to_bytes(), origin="lying.bundle")
    text = str(error.value)
    assert f"{graph}.onnx of the bundle 'lying.bundle'" in text
    assert text.endswith(".")
    assert "\n" not in text


def test_an_operator_set_that_no_runtime_knows_is_refused(edited: Callable[..., Bundle], toy_bundle: Bundle) -> None:
    def newest(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = 999

    graphs = {name: changed(getattr(toy_bundle, name), newest) for name in ("live", "explain")}
    with pytest.raises(BundleError, match="operator set is 999"):
        Bundle.from_bytes(edited(**graphs, opset=999).to_bytes())


@pytest.mark.parametrize("data", [b"\x0a", b"\xff" * 20, b"\x3a\x7fx", b"\x3a\x03\x0a\x01\x0b", b"\x38\x01"])
def test_bytes_that_are_no_onnx_are_named_so(data: bytes) -> None:
    with pytest.raises(OnnxError):
        summarise(data)


def test_subgraphs_without_end_are_refused() -> None:
    model = onnx.ModelProto()
    graph = model.graph
    for _ in range(40):
        graph = graph.node.add(op_type="If").attribute.add(name="then_branch").g
    with pytest.raises(OnnxError, match="too deep"):
        summarise(model.SerializeToString())


def test_no_cut_and_no_flipped_bit_breaks_the_reading(toy_bundle: Bundle) -> None:
    graph = toy_bundle.live
    for place in range(0, len(graph), max(1, len(graph) // 300)):
        damaged = bytearray(graph)
        damaged[place] ^= 0x55
        for data in (graph[:place], bytes(damaged)):
            try:
                summarise(data)
            except OnnxError:
                continue


def test_every_check_of_a_sound_bundle_passes(toy_bundle: Bundle, tmp_path: Path) -> None:
    checks = list(verify(toy_bundle.save(tmp_path / "toy.bundle")))
    assert [check.what for check in checks] == [
        "file", "operators", "weights", "shapes", "blank images", "random images", "batch sizes",
    ]  # fmt: skip
    assert all(check.passed for check in checks)
    assert toy_bundle.digest[:12] in checks[0].found


@pytest.mark.parametrize("name", shipped_bundles())
def test_what_ships_is_sound(name: str) -> None:
    assert all(check.passed for check in verify(SHIPPED / f"{name}.bundle"))


def failed(bundle: Bundle, folder: Path) -> tuple[str, str]:
    """The one check that a bundle does not pass, and its sentence."""
    *before, last = verify(bundle.save(folder / "lying.bundle"))
    assert all(check.passed for check in before)
    assert not last.passed
    return last.what, last.found


def test_a_bundle_that_promises_other_answers_fails_by_its_shapes(
    edited: Callable[..., Bundle], tmp_path: Path
) -> None:
    what, said = failed(edited(embedding_size=7), tmp_path)
    assert what == "shapes"
    assert "does not keep its contract" in said


def test_a_graph_that_mixes_the_cells_of_a_batch_fails(
    edited: Callable[..., Bundle], toy_bundle: Bundle, tmp_path: Path
) -> None:
    def mix(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.output[:] = ["alone" if name == "novelty" else name for name in node.output]
        model.graph.node.append(helper.make_node("ReduceMean", ["alone"], ["of_all"], keepdims=1))
        model.graph.node.append(helper.make_node("Add", ["alone", "of_all"], ["novelty"]))

    what, said = failed(edited(live=changed(toy_bundle.live, mix)), tmp_path)
    assert what == "batch sizes"
    assert "mix the cells" in said


def test_answers_that_are_finite_only_for_nothing_fail(
    edited: Callable[..., Bundle], toy_bundle: Bundle, tmp_path: Path
) -> None:
    def burst(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.output[:] = ["calm" if name == "novelty" else name for name in node.output]
        graph = model.graph
        graph.initializer.append(helper.make_tensor("nothing", TensorProto.FLOAT, [], [1.0]))
        graph.initializer.append(helper.make_tensor("over_space", TensorProto.INT64, [2], [1, 2]))
        graph.node.append(helper.make_node("Sub", [graph.input[0].name, "nothing"], ["off"]))
        graph.node.append(helper.make_node("ReduceMin", ["off", "over_space"], ["least"], keepdims=0))
        graph.node.append(helper.make_node("Sqrt", ["least"], ["not_a_number"]))
        graph.node.append(helper.make_node("Add", ["calm", "not_a_number"], ["novelty"]))

    what, said = failed(edited(live=changed(toy_bundle.live, burst)), tmp_path)
    assert what == "random images"
    assert "not finite" in said
