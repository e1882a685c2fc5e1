"""Results that a report has to stand: names that are attacks, and thousands of layers."""

from __future__ import annotations

from dataclasses import replace

from chiploom.simulator.mapping import Loop
from chiploom.simulator.result import LayerResult, Result

ATTACK = "</script><img src=x onerror=window.hacked=1>"
#: Markup, what plotly takes for markup, templates of Jinja and plotly, line ends, half a pair.
ATTACKS = (
    ATTACK,
    '"><svg onload=window.hacked=1>',
    '<a href="javascript:window.hacked=1">link</a>',
    "<b>bold</b> &lt; {{ 7 * 7 }} %{x} ${y}",
    "line\u2028end\u2029 \x1b[31m -->",
)


def hostile(result: Result) -> Result:
    """The same with an attack in every name and note."""

    def evil(name: str) -> str:
        return f"{ATTACKS[len(name) % len(ATTACKS)]} {name}"

    spec = result.spec
    arrays = tuple(
        replace(
            array,
            name=evil(array.name),
            template=evil(array.template),
            memories=tuple(replace(memory, name=evil(memory.name)) for memory in array.memories),
        )
        for array in spec.arrays
    )
    schedule = result.schedule
    if schedule is not None:
        busy = {evil(name): share for name, share in schedule.utilization.items()}
        schedule = replace(
            schedule, algorithm=evil(schedule.algorithm), utilization=busy, notes=(ATTACK,)
        )
    gap = {"op": ATTACK, "count": 2, "reason": ATTACK, "share": 0.25}
    return replace(
        result,
        models=tuple(
            replace(model, name=evil(model.name), notes=ATTACKS, not_modelled=(gap,))
            for model in result.models
        ),
        spec=replace(
            spec,
            name=evil(spec.name),
            sub_accelerators=tuple(map(evil, spec.sub_accelerators)),
            area_by_component={evil(name): area for name, area in spec.area_by_component.items()},
            sources={evil(name): ATTACK for name in spec.sources},
            notes=ATTACKS,
            arrays=arrays,
        ),
        layers=tuple(_hostile_layer(layer, evil) for layer in result.layers),
        schedule=schedule,
    )


def _hostile_layer(layer: LayerResult, evil) -> LayerResult:  # type: ignore[no-untyped-def]
    def component(name: str) -> str:
        memory, dot, rest = name.partition(".")
        return evil(memory) + dot + rest

    loops = layer.loops
    if loops is not None:
        loops = replace(
            loops,
            spatial=tuple(replace(unroll, axis=evil(unroll.axis)) for unroll in loops.spatial),
            tiles=tuple(replace(tile, memory=evil(tile.memory)) for tile in loops.tiles),
        )
    return replace(
        layer,
        name=evil(layer.name),
        model=evil(layer.model),
        op=evil(layer.op),
        sub_accelerator=evil(layer.sub_accelerator),
        energy_by_component={component(n): pj for n, pj in layer.energy_by_component.items()},
        traffic={component(n): bits for n, bits in layer.traffic.items()},
        bound=layer.bound if layer.bound == "compute" else f"memory:{ATTACK}",
        mapping=ATTACK,
        fused=tuple(map(evil, layer.fused)),
        note=ATTACK,
        inputs=tuple(map(evil, layer.inputs)),
        loops=loops,
    )


def long(result: Result, layers: int) -> Result:
    """So many layers like those of the result, one after the other, every mapping another one."""
    made: list[LayerResult] = []
    start = 0
    for n in range(layers):
        layer = result.layers[n % len(result.layers)]
        loops = layer.loops and replace(
            layer.loops,
            temporal=tuple(Loop(one.dim, one.factor + n) for one in layer.loops.temporal),
        )
        before = [made[-1].name] if made else []
        if n % 5 == 0 and n > 7:
            before.append(made[-7].name)
        cycles = layer.cycles * (1 + n % 7)
        name = f"/encoder/stage{n // 200}/block{n // 10}/op{n}/{layer.op}"
        made.append(
            replace(
                layer, name=name, start_cycle=start, cycles=cycles, loops=loops,
                inputs=tuple(before),
            )
        )  # fmt: skip
        start += cycles
    return replace(result, layers=tuple(made))
