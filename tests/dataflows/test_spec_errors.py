"""Bad specs: where, what was expected, what was found, what to do; all at once."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml

from chiploom.dataflows import SpecError, load_spec, load_template
from chiploom.dataflows.document import Document, parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.dataflows.template import parse_template, shipped
from chiploom.frontend.errors import InputError

INLINE: dict[str, Any] = {
    "technology": {"node": "28 nm"},
    "clock": "1 GHz",
    "dram": {"type": "LPDDR4", "bandwidth": "12.8 GB/s"},
    "sub_accelerators": [
        {
            "name": "one",
            "axes": [{"name": "row", "size": 4, "dims": ["C"]}],
            "memories": [
                {"name": "reg", "operands": ["W"], "size": "16 bit", "shared": "none"},
                {"name": "buf", "operands": ["W", "I", "O"], "size": "64 KiB", "shared": "all"},
            ],
            "precision": {"W": "8 bit", "I": "8 bit", "O": "8 bit", "psum": "32 bit"},
            "vector": {"lanes": 4},
        }
    ],
}
TEMPLATE: dict[str, Any] = {
    **{key: INLINE[key] for key in ("technology", "clock", "dram")},
    "sub_accelerators": [
        {"name": "one", "template": "systolic-ws", "parameters": {"rows": 8, "columns": 8}}
    ],
}
REMOVE = object()


def changed(base: dict[str, Any], changes: dict[tuple[Any, ...], Any]) -> str:
    data = copy.deepcopy(base)
    for where, value in changes.items():
        target: Any = data
        for part in where[:-1]:
            target = target[part]
        if value is REMOVE:
            del target[where[-1]]
        else:
            target[where[-1]] = value
    return yaml.safe_dump(data, sort_keys=False)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as error:
        parse_spec(parse_document(text, "x.yaml"), "x")
    assert isinstance(error.value, InputError)
    assert str(error.value) == "\n".join(error.value.problems)
    return error.value.problems


def test_the_bases_are_good() -> None:
    for base in (INLINE, TEMPLATE):
        assert parse_spec(parse_document(changed(base, {}), "x.yaml"), "x").sub_accelerators


SUB = ("sub_accelerators", 0)
MEM = (*SUB, "memories")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({("clok",): 1, ("clock",): REMOVE},
         "x.yaml:33: clok: unknown key `clok`; did you mean `clock`?"),
        ({("clock",): REMOVE}, "x.yaml:1: expected the key `clock`, it is missing; add it"),
        ({("clock",): "28 nm"},
         "x.yaml:3: clock: expected a frequency such as `200 MHz` or `1 GHz`, found '28 nm' "
         "(`nm` is a unit of length)"),
        ({("clock",): 1000}, "x.yaml:3: clock: expected a frequency such as `200 MHz` or `1 GHz`, "
                             "found 1000 (write the unit)"),
        ({("clock",): "0 Hz"}, "expected a positive frequency, found '0 Hz'"),
        ({("clock",): "-1 GHz"}, "expected a positive frequency, found '-1 GHz'"),
        ({("technology", "node"): "28"}, "x.yaml:2: technology.node: expected a length such as"),
        ({("technology", "mac_source"): "magic"},
         "technology.mac_source: expected 'aladdin', 'horowitz' or 'hwcomponents', found 'magic'"),
        ({("technology", "source"): "magic"},
         "technology.source: expected 'tables' or 'hwcomponents', found 'magic'"),
        ({("dram", "type"): "DDR9"},
         "dram.type: expected 'LPDDR4', 'LPDDR', 'DDR3', 'DDR4', 'HBM2'"),
        ({("dram", "bandwidth"): REMOVE}, "dram: expected `bandwidth` (reads and writes share it)"),
        ({("dram", "type"): REMOVE}, "dram: expected a `type` or `energy`, found neither"),
        ({("dram", "read_bandwidth"): "1 GB/s"},
         "dram.read_bandwidth: given twice, `bandwidth` says it too; remove one"),
        ({("dram", "energy"): "5 pJ"}, "expected an energy per bit such as `1.2 pJ/bit`"),
        ({("dram",): []}, "dram: expected a mapping, found []"),
        ({("sub_accelerators",): []}, "sub_accelerators: expected at least 1, found []; add one"),
        ({("sub_accelerators",): {}}, "sub_accelerators: expected a list, found {}"),
        ({("sub_accelerators", 0): "x"}, "sub_accelerators[0]: expected a mapping, found 'x'"),
        ({(*SUB, "name"): ""}, "sub_accelerators[0].name: expected at least 1"),
        ({(*SUB, "axes"): REMOVE}, "sub_accelerators[0]: expected the key `axes`, it is missing"),
        ({(*SUB, "memories"): REMOVE}, "expected the key `memories`, it is missing; add it"),
        ({(*SUB, "memories"): {}}, "memories: expected a list of memories, innermost first"),
        ({(*SUB, "memories"): []}, "memories: expected at least 1, found []"),
        ({(*SUB, "parameters"): {"rows": 4}}, "parameters: only a `template` has parameters"),
        ({(*SUB, "axes", 0, "dims"): ["Q"]},
         "axes[0].dims: expected dims out of B G K C OY OX FY FX, found 'Q'"),
        ({(*SUB, "axes", 0, "dims"): ["C", "C"]}, "expected dims without repetition"),
        ({(*SUB, "axes", 0, "dims"): 3}, "axes[0].dims: expected dims such as `[B, G, K]`"),
        ({(*SUB, "axes", 0, "size"): 0}, "expected a whole number of at least 1, found 0"),
        ({(*SUB, "axes", 0, "size"): 1.5}, "axes[0].size: expected a whole number, found 1.5"),
        ({(*SUB, "axes", 0, "size"): True}, "axes[0].size: expected a whole number, found True"),
        ({(*SUB, "axes", 0, "size"): 2**50}, "expected a whole number of at least 1"),
        ({(*MEM, 0, "operands"): ["X"]}, "memories[0].operands: expected operands out of W I O"),
        ({(*MEM, 0, "operands"): []}, "memories[0].operands: expected at least one of W I O"),
        ({(*MEM, 0, "shared"): ["col"]}, "memories[0].shared: unknown axis 'col'; known: `row`"),
        ({(*MEM, 0, "shared"): "some"}, "expected `all`, `none` or a list of axes, found 'some'"),
        ({(*MEM, 1, "shared"): "none", (*MEM, 0, "shared"): "all"},
         "memories[1].shared: expected it to be shared along row, as 'reg' inside it is"),
        ({(*MEM, 0, "size"): "16 KiBit"}, "memories[0].size: expected a size such as `128 KiB`"),
        ({(*MEM, 0, "size"): "1.5 bit"}, "memories[0].size: expected whole bits"),
        ({(*MEM, 0, "size"): "8 bit"},
         "memories[0].size: expected at least 16 bit (one element of each operand, twice as it is "
         "double-buffered), found 8 bit"),
        ({(*MEM, 1, "operands"): ["I", "O"], (*MEM, 0, "operands"): ["I"]},
         "memories: expected a memory that holds weights (W), found none; add W to the `operands` "
         "of one"),
        ({(*MEM, 0, "name"): "buf"}, "memories[1].name: expected every name once, found 'buf'"),
        ({(*MEM, 0, "name"): "DRAM"}, "memories[0].name: expected a name other than the DRAM's"),
        ({(*MEM, 0, "bufering"): "auto"},
         "memories[0].bufering: unknown key `bufering`; did you mean `buffering`?"),
        ({(*MEM, 0, "buffering"): "triple"},
         "memories[0].buffering: expected 'double', 'single' or 'auto', found 'triple'"),
        ({(*MEM, 0, "sliding"): True}, "memories[0].sliding: only a memory that holds I can slide"),
        ({(*MEM, 0, "sliding"): "yes"}, "memories[0].sliding: expected `true` or `false`"),
        ({(*MEM, 0, "complete_outputs"): True}, "only a memory that holds O completes outputs"),
        ({(*MEM, 0, "tiled"): {"O": "K"}}, "memories[0].tiled.O: the memory does not hold O"),
        ({(*MEM, 0, "bandwidth"): "0 bit/cycle"}, "expected a positive bandwidth"),
        ({(*MEM, 0, "bandwidth"): "8 bit/cycle", (*MEM, 0, "read_bandwidth"): "8 bit/cycle"},
         "memories[0].read_bandwidth: given twice"),
        ({(*MEM, 0, "fills_after"): "ubf"},
         "memories[0].fills_after: unknown memory 'ubf'; did you mean `buf`?"),
        ({(*MEM, 0, "fills_after"): "buf"},
         "memories[0].fills_after: expected a memory of other operands, found 'buf'; remove it"),
        ({(*MEM, 0, "fills_after"): "buf", (*MEM, 1, "fills_after"): "reg"},
         "memories[1].fills_after: expected one memory at most that fills after another"),
        ({(*MEM, 0, "read_energy"): "-1 pJ/bit"}, "expected no negative energy per bit"),
        ({(*SUB, "precision", "W"): "80 bit"}, "precision.W: expected a width of 1 to 64 whole"),
        ({(*SUB, "precision", "psum"): REMOVE}, "precision: expected the key `psum`"),
        ({(*SUB, "precision"): REMOVE}, "sub_accelerators[0]: expected the key `precision`"),
        ({(*SUB, "vector"): REMOVE}, "sub_accelerators[0]: expected the key `vector`"),
        ({(*SUB, "skew"): {"cycles": -1}}, "skew.cycles: expected a whole number of at least 0"),
        ({(*SUB, "mac"): {"type": "bfloat"}},
         "precision.W: expected at least 10 bit of a `bfloat` (sign, 8 bits of exponent and a "
         "fraction), found 8 bit; `float` has narrower ones"),
        ({(*MEM, 1, "type"): "uram"},
         "memories[1].type: expected `sram`, `registers` or `auto`, found `uram`, which only an "
         "FPGA has"),
        ({(*SUB, "mac"): {"derive": "tables"}},
         "mac.derive: expected 'aladdin', 'horowitz' or 'hwcomponents', found 'tables'"),
        ({("technology",): REMOVE, (*MEM, 1, "derive"): "tables"},
         "memories[1].derive: there is no `technology` to derive for; add `technology: {node: 28"),
        ({("technology",): REMOVE}, "mac: expected `energy`, it is missing and there is no "
                                    "`technology` to derive it from"),
    ],
)  # fmt: skip
def test_inline(changes: dict[tuple[Any, ...], Any], message: str) -> None:
    found = problems(changed(INLINE, changes))
    assert any(message in problem for problem in found), "\n".join(found)
    assert all(problem.startswith("x.yaml:") for problem in found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({(*SUB, "template"): "systolc-ws"},
         "x.yaml:9: sub_accelerators[0].template: expected a shipped template or the path of a "
         "YAML file, found 'systolc-ws'; did you mean `systolic-ws`"),
        ({(*SUB, "template"): "no/such.yaml"}, "there is no such file"),
        ({(*SUB, "template"): REMOVE, (*SUB, "parameters"): REMOVE},
         "sub_accelerators[0]: expected the key `template`, or an architecture in full"),
        ({(*SUB, "parameters", "row"): 8},
         "parameters.row: template 'systolic-ws' has no parameter `row`; did you mean `rows`?"),
        ({(*SUB, "parameters", "rows"): 0},
         "x.yaml:11: sub_accelerators[0].parameters.rows: expected a whole number from 1 to 1024, "
         "found 0"),
        ({(*SUB, "parameters", "rows"): "8"}, "parameters.rows: expected a whole number, found"),
        ({(*SUB, "parameters", "scratchpad"): 64}, "parameters.scratchpad: expected a size such"),
        ({(*SUB, "parameters", "scratchpad"): "1 MHz"}, "`MHz` is a unit of frequency"),
        ({(*SUB, "parameters", "buffering"): "triple"},
         "parameters.buffering: expected one of `double`, `single`, `auto`, found 'triple'"),
        ({(*SUB, "axes"): []}, "sub_accelerators[0].axes: the template gives the axes"),
        ({(*SUB, "memories"): []}, "memories: expected a mapping from a memory's name"),
        ({(*SUB, "memories"): {"acumulator": {"size": "1 KiB"}}},
         "memories.acumulator: the template has no memory 'acumulator'; did you mean "
         "`accumulator`?"),
        ({(*SUB, "memories"): {"accumulator": {"sise": "1 KiB"}}},
         "x.yaml:15: sub_accelerators[0].memories.accumulator.sise: unknown key `sise`; did you "
         "mean `size`?"),
        ({(*SUB, "memories"): {"accumulator": {"size": "1 s"}}}, "accumulator.size: expected a"),
        ({(*SUB, "vector"): {"lanes": "many"}}, "vector.lanes: expected a whole number"),
        ({(*SUB, "vector"): {"pixels": 3}},
         "vector.pixels: expected a divisor of the 8 lanes, found 3"),
        ({(*SUB, "precision"): {"psum": "99 bit"}},
         "x.yaml:14: sub_accelerators[0].precision.psum: expected a width"),
        ({(*SUB, "precision"): {"psum": "4 bit"}},
         "x.yaml:14: sub_accelerators[0].precision.psum: expected at least the 8 bit of O"),
    ],
)  # fmt: skip
def test_with_a_template(changes: dict[tuple[Any, ...], Any], message: str) -> None:
    found = problems(changed(TEMPLATE, changes))
    assert any(message in problem for problem in found), "\n".join(found)
    assert all(problem.startswith("x.yaml:") for problem in found)


def test_all_errors_at_once() -> None:
    text = changed(
        INLINE,
        {
            ("dram", "bandwidth"): REMOVE,
            (*MEM, 0, "size"): "1 s",
            (*MEM, 1, "sise"): "1 KiB",
            (*SUB, "axes", 0, "size"): 0,
            (*SUB, "precision", "W"): REMOVE,
        },
    )
    found = "\n".join(problems(text))
    for part in ("dram: ", "memories[0].size", "memories[1].sise", "axes[0].size", "key `W`"):
        assert part in found
    assert len(problems(text)) == 5


def test_errors_of_every_sub_accelerator() -> None:
    (sub,) = INLINE["sub_accelerators"]
    base = {**INLINE, "sub_accelerators": [sub, copy.deepcopy(sub)]}
    found = problems(changed(base, {(*SUB, "vector", "lanes"): 0}))
    assert any("sub_accelerators[1].name: expected every name once" in one for one in found)
    assert any("sub_accelerators[0].vector.lanes" in one for one in found)


def test_no_such_spec() -> None:
    with pytest.raises(SpecError, match="found 'eyris'; did you mean `eyeriss`"):
        load_spec("eyris")
    with pytest.raises(SpecError, match="zigzag-tpu-like"):
        load_spec("nothing like it")
    with pytest.raises(SpecError, match=r"missing\.yaml: expected a spec \(a YAML file\)"):
        load_spec("missing.yaml")
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(Path("missing.yaml"))
    with pytest.raises(SpecError, match="expected a shipped template"):
        load_template("nope")


BROKEN = """
clock: 200 KiB
tecnology: {node: 65 nm}
dram: {type: LPDDR4}
sub_accelerators:
  - {name: a, template: row-stationary, parameters: {rows: 0, colums: 3, glb_bandwidth: 100 MB/s}}
  - {name: b, template: nvdla, parametres: {}}
  - {name: c, template: row-stationry}
  - {name: a, axes: [], memories: []}
"""


def test_a_wrong_clock_hides_nothing() -> None:
    with pytest.raises(SpecError) as error:
        parse_spec(parse_document(BROKEN, "broken.yaml"), "broken")
    found = {" ".join(problem.split(": ")[:2]) for problem in error.value.problems}
    assert found >= {
        "broken.yaml:2 clock",
        "broken.yaml:3 tecnology",
        "broken.yaml:6 sub_accelerators[0].parameters.rows",
        "broken.yaml:6 sub_accelerators[0].parameters.colums",
        "broken.yaml:7 sub_accelerators[1].parametres",
        "broken.yaml:8 sub_accelerators[2].template",
        "broken.yaml:9 sub_accelerators[3].name",
    }
    assert not any("glb_bandwidth" in problem for problem in error.value.problems)


def test_what_stands_in_for_a_wrong_part_causes_no_errors() -> None:
    """One line for one mistake, whichever part of a shipped spec it is in."""
    for name, path in shipped("specs").items():
        text = path.read_text(encoding="utf-8")
        data = yaml.safe_load(text)
        for key in ("clock", "dram", "technology"):
            if key in data:
                broken = Document("broken.yaml", {**data, key: 7}, {})
                with pytest.raises(SpecError) as error:
                    parse_spec(broken, name)
                assert len(error.value.problems) == 1, (name, key, error.value.problems)
                assert f" {key}: " in error.value.problems[0]


def test_errors_survive_pickling() -> None:
    """Worker processes hand them back."""
    error = SpecError(["a", "b"])
    back = pickle.loads(pickle.dumps(error))
    assert back.problems == error.problems
    assert str(back) == "a\nb"


# -- templates -------------------------------------------------------------------------------------

OWN = """
title: t
description: d
picture: p
source: s
parameters:
  n: {kind: count, default: 4, min: 1, max: 8, doc: PEs}
  b: {kind: size, default: "${n * 16}", doc: a buffer}
axes:
  - {name: row, size: "${n}", dims: C}
memories:
  - {name: buf, operands: W I O, size: "${b} bit", shared: all, buffering: single}
precision: {W: 8 bit, I: 8 bit, O: 8 bit, psum: 16 bit}
vector: {lanes: 1}
"""


def own(tmp_path: Path, template: str, **parameters: object) -> str:
    (tmp_path / "own.yaml").write_text(template, encoding="utf-8")
    sub = {"name": "one", "template": "own.yaml", "parameters": parameters}
    text = yaml.safe_dump({**TEMPLATE, "sub_accelerators": [sub]})
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    return str(tmp_path / "spec.yaml")


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    (sub,) = load_spec(own(tmp_path, OWN, n=6)).sub_accelerators
    assert (sub.template, sub.pes, sub.memories[0].size_bits) == ("own", 6, 96)
    assert sub.parameters == {"n": "6", "b": "96 bit"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("${n}", "${m}", "own.yaml:10: axes[0].size: unknown parameter `m`; known: `b`, `n`"),
        ("${n}", "${n / 0}", "own.yaml:10: axes[0].size: `n / 0` divides by zero"),
        ("${n}", "${n / 3}", "own.yaml:10: axes[0].size: expected a whole number"),
        ("${n * 16}", "${1 / 0}", "own.yaml:8: parameters.b.default: `1 / 0` divides by zero"),
        ("max: 8", "max: 3", "own.yaml:7: parameters.n.default: expected a whole number from 1 to "
                             "3, found 4"),
        ("max: 8", "max: x", "own.yaml:7: parameters.n.max: expected a whole number, found 'x'"),
        ("kind: count", "kind: cnt", "own.yaml:7: parameters.n.kind: expected 'count', 'number'"),
        ("kind: count", "kind: choice", "expected `choices` exactly where kind is choice"),
        ("title: t", "titel: t", "own.yaml:2: titel: unknown key `titel`; did you mean `title`?"),
        ("operands: W I O", "operands: W I", "own.yaml:11: memories: expected a memory that holds "
                                             "outputs (O)"),
        ("shared: all", "shard: all", "own.yaml:12: memories[0].shard: unknown key `shard`"),
        ("source: s", "", "own.yaml:2: expected the key `source`, it is missing; add it"),
    ],
)  # fmt: skip
def test_bad_templates(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in OWN
    with pytest.raises(SpecError) as error:
        load_spec(own(tmp_path, OWN.replace(old, new)))
    assert message in str(error.value)


def test_a_step_is_kept(tmp_path: Path) -> None:
    template = OWN.replace("max: 8,", "max: 9, step: 4,").replace("default: 4", "default: 5")
    assert load_spec(own(tmp_path, template, n=9))
    with pytest.raises(SpecError, match="a whole number from 1 to 9 in steps of 4, found 4"):
        load_spec(own(tmp_path, template, n=4))


def test_template_document() -> None:
    template = parse_template(parse_document(OWN, "own.yaml"), "own")
    assert [parameter.name for parameter in template.parameters] == ["n", "b"]
    assert template.parameter("n").legal() == "a whole number from 1 to 8"
