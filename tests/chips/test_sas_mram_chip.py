"""SAS-MRAM as a whole: INT8 on its cells and its float twin, counts, faults, state, promises of a chip."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cimlearn import chips  # noqa: E402
from cimlearn.chips import build, parameters  # noqa: E402
from cimlearn.chips.sas_mram.chip import SasMram  # noqa: E402
from cimlearn.chips.sas_mram.task import _rate  # noqa: E402
from cimlearn.errors import InputError  # noqa: E402
from cimlearn.experiments.experiment import Experiment  # noqa: E402
from cimlearn.networks.repnet import CONNECTORS  # noqa: E402
from cimlearn.streams.base import StreamShape  # noqa: E402
from cimlearn.streams.catalog import describe  # noqa: E402
from cimlearn.streams.sources.find import find  # noqa: E402

SHAPE = StreamShape(28, 28, 3, False)
RECIPE: dict[str, Any] = {"rule.batch": 8, "rule.horizon": 300, "array.available": 0}


def make(on: str = "chip", seed: int = 0, **changes: Any) -> SasMram:
    settings = RECIPE | {name.replace("__", "."): value for name, value in changes.items()}
    chip = build("sas-mram", on, parameters=parameters("sas-mram", settings), shape=SHAPE, seed=seed)
    assert isinstance(chip, SasMram)
    return chip


@cache
def examples(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bright bars on dark ground: the class is where the bar stands."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = 0.2 * rng.random((count, 28, 28))
    for image, label in zip(x, y, strict=True):
        image[:, 3 + 8 * label : 9 + 8 * label] += 0.7
    return x.astype(np.float32), y


@pytest.mark.parametrize("on", ["chip", "float"])
@pytest.mark.parametrize("tasks", ["own", "shared"])
def test_it_learns_and_knows_its_tasks_apart(on: str, tasks: str) -> None:
    chip = make(on, network__tasks=tasks, **({"replay__slots": 16} if tasks == "shared" else {}))
    (x, y), (xt, yt) = examples(96), examples(40, 1)
    chip.start_task(0)
    for _ in range(3):
        chip.learn(x, y)
        chip.end_task()
    assert np.mean(chip.predict(xt, 0) == yt) > 0.8
    chip.start_task(1)
    for _ in range(3):
        chip.learn(x, (y + 1) % 3)  # the same images mean something else
        chip.end_task()
    if tasks == "own":
        assert np.mean(chip.predict(xt, 0) == yt) > 0.8  # nothing of task 0 has changed
        assert np.mean(chip.predict(xt, 1) == (yt + 1) % 3) > 0.5


def test_a_new_chip_answers_as_its_backbone_would() -> None:
    """Modules start at zero: the first answers are those of the same head on the frozen backbone alone."""
    x, _ = examples(12)
    with_modules, without = make(), make(network__train="last")
    assert np.array_equal(with_modules.predict(x, 0), without.predict(x, 0))


def test_counts_by_hand() -> None:
    """24 examples in 3 batches of 8, last layer only: 128 features and 3 classes.

    The head's gradient: per batch 8 errors of 3 classes are stored, 128 inputs driven, 64 bit pairs a product.
    """
    chip = make(network__train="last")
    x, y = examples(24)
    chip.learn(x, y)
    chip.end_task()
    learn = chip.ledger().counts["learn"]
    frozen = make(network__train="last")
    frozen.learn(x[:8], y[:8])
    frozen.end_task()
    one = frozen.ledger().counts["learn"]
    assert learn["forward"]["mram_bits_read"] == 3 * one["forward"]["mram_bits_read"]
    assert learn["gradient"]["sram_bits_read"] == 3 * (8 * 128 * 3) * 64
    assert learn["gradient"]["sram_bits_written"] == 3 * 8 * 3 * 8
    assert learn["update"]["mram_bits_written"] == 3 * 128 * 3 * 8 * 2  # and its transposed copy
    assert sum(learn["error"].values()) == 0  # nothing below the head learns
    assert learn["time"]["examples"] == 24
    assert (
        0
        < learn["cells"]["bits_flipped"]
        <= learn["cells"]["bits_driven"]
        <= 4 * learn["cells"]["bits_flipped"]
    )


def test_twice_the_stream_is_twice_the_work() -> None:
    x, y = examples(32)
    chip = make()
    chip.learn(x[:16], y[:16])
    chip.end_task()
    chip.predict(x[:5])
    before = chip.ledger().counts
    chip.learn(x[16:], y[16:])
    chip.end_task()
    chip.predict(x[:5])
    after = chip.ledger().counts
    for phase, products in (
        ("learn", ("forward", "error", "gradient", "update", "time")),
        ("predict", ("forward",)),
    ):
        for product in products:
            assert {a: 2 * n for a, n in before[phase][product].items()} == after[phase][product]


def test_lines_are_written_whole_on_sas_mram_and_bits_alone_on_sram() -> None:
    x, y = examples(16)
    line, single = make(), make(cell__technology="sram")
    for chip in (line, single):
        chip.learn(x, y)
        chip.end_task()
    assert single.ledger().total("cells", "bits_driven") == single.ledger().total("cells", "bits_flipped")
    writes = next(iter(line.writes().values()))
    assert writes.shape[0] == 8
    assert np.array_equal(writes[0], writes[3]) and np.array_equal(
        writes[4], writes[7]
    )  # four junctions on a line


def test_faults_hurt_and_their_absence_does_not() -> None:
    (x, y), (xt, yt) = examples(96), examples(60, 1)
    right = {}
    for rate in ("0", "device", "0.05", "0.5"):
        chip = make(faults__read_error=rate)
        chip.learn(x, y)
        chip.end_task()
        right[rate] = float(np.mean(chip.predict(xt, 0) == yt))
    assert right["0"] == right["device"] > 0.8
    assert right["0.5"] < right["0"]


def test_failed_writes_stay_in_the_cells() -> None:
    x, y = examples(16)
    chip, perfect = make(faults__write_error="0.3"), make(faults__write_error="0")
    chip.learn(x, y)
    chip.end_task()
    perfect.learn(x, y)
    perfect.end_task()
    name = "task0.weight.head.head"
    assert not np.array_equal(chip.state()[0][name], perfect.state()[0][name])


def test_rest_loses_bits_of_volatile_junctions_only_after_long() -> None:
    chip = make(faults__rest_years=10)
    assert chip._failures().trained.up < 1e-6  # Delta = 60 keeps ten years
    assert make(faults__rest_years=1e6)._failures().trained.up > chip._failures().trained.up


def test_inventory_grows_with_tasks_and_covers_the_network() -> None:
    chip = make(array__transpose="sram")
    x, y = examples(8)
    chip.learn(x, y)
    chip.end_task()
    one = chip.inventory()["mram"]["bits"]
    chip.start_task(1)
    chip.learn(x, y)
    chip.end_task()
    own = sum(w.size for n, w in chip.state()[0].items() if n.startswith("task1.weight"))
    assert chip.inventory()["mram"]["bits"] - one == 8 * own == chip.inventory()["stored"]["task_bits"]
    assert chip.inventory()["stored"]["frozen_bits"] == one - 8 * own
    assert chip.figures()["name"] == "sas-mram" and make("float").figures() == {} == make("float").inventory()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network.backbone": "resnet20"}, "no weights of resnet20 come with the package; name a file"),
        (
            {"faults.write_error": "much"},
            "faults.write_error = 'much' is no probability; give device, or a number",
        ),
        ({"faults.read_error": "2"}, "faults.read_error = '2' is no probability"),
        ({"network.side": 24}, "no square images of 1 or 3 channels up to 24 pixels"),
        ({"array.columns": 8, "array.rows": 4}, "give rows >= active >= 1"),
    ],
)
def test_wrong_input(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        chip = build("sas-mram", "chip", parameters=parameters("sas-mram", settings), shape=SHAPE, seed=0)
        chip.predict(examples(2)[0])
        chip.ledger()


def test_examples_that_are_no_images() -> None:
    with pytest.raises(InputError, match="examples of 10 steps of 7 values are no square images"):
        build(
            "sas-mram", "chip", parameters=parameters("sas-mram"), shape=StreamShape(10, 7, 3, False), seed=0
        )


def test_weights_below_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CIMLEARN_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"nothing\.safetensors"):
        build(
            "sas-mram",
            "chip",
            parameters=parameters(
                "sas-mram", {"network.backbone": "resnet20", "network.weights": "nothing.safetensors"}
            ),
            shape=SHAPE,
            seed=0,
        )


def test_none_is_a_choice_where_it_is_listed() -> None:
    assert parameters("sas-mram", {"float.norm": "none"})["float.norm"] == "none"
    assert parameters("sas-mram", {"float.norm": "batch"})["float.norm"] == "batch"


def test_the_default_backbone_has_modules() -> None:
    assert len(CONNECTORS["resnet8"]) >= 2


@pytest.mark.parametrize(
    ("schedule", "seen", "rate"),
    [
        ("cosine", 0, 16.0), ("cosine", 50, 8.125), ("cosine", 100, 0.25), ("cosine", 999, 0.25),
        ("halving", 0, 16.0), ("halving", 49, 16.0), ("halving", 50, 8.0), ("halving", 75, 4.0), ("halving", 999, 0.25),
    ],
)  # fmt: skip
def test_the_rate_falls_over_the_horizon_of_a_task(schedule: str, seen: int, rate: float) -> None:
    """From 2^4 to 2^-2: halfway of a cosine is their mean, 8.125."""
    p = parameters("sas-mram", {"rule.horizon": 100, "rule.schedule": schedule})
    assert _rate(p, "rule.bits_head", seen) == pytest.approx(rate)


def test_small_images_are_stored_small_and_enlarged_when_used() -> None:
    (x, y), (xt, _) = examples(16), examples(4, 1)
    for how in ("pad", "resize"):
        chip = make(network__side=56, network__fit=how, network__tasks="shared", replay__slots=4)
        chip.learn(x, y)
        chip.end_task()
        assert chip.state()[0]["replay.x"].shape == (4, 28, 28, 1)
        assert chip._prepared(chip._images(xt)).shape == (4, 3, 56, 56)
    padded, enlarged = (
        make(network__side=56, network__fit=how)._prepared((xt * 255).astype(np.uint8)[..., None])
        for how in ("pad", "resize")
    )
    assert np.ptp(padded[:, :, :14], axis=(2, 3)).max() == 0  # nothing but the border
    assert np.ptp(enlarged[:, :, :14], axis=(2, 3)).min() > 0


def test_no_images_have_no_classes() -> None:
    chip = make()
    assert chip.predict(np.zeros((0, 28, 28), np.float32)).tolist() == []
    x, y = examples(8)
    chip.learn(x[:0], y[:0])
    chip.learn(x, y)
    chip.end_task()
    assert len(chip.predict(x[:0], 0)) == 0


def test_a_narrow_accumulator_overflows_and_says_so() -> None:
    """Frozen blocks, modules and head all have the width that `array.accumulator` says."""
    x, y = examples(20)
    with pytest.raises(
        InputError, match=r"overflows an accumulator of 16 bits; give it more \(array.accumulator\)"
    ):
        make(array__accumulator=16).learn(x, y)
    wide, narrow = make(), make(array__accumulator=26)
    for chip in (wide, narrow):
        chip.learn(x, y)
        chip.end_task()
    for graph in (*narrow.learners[0].net.modules, narrow.learners[0].net.head, *narrow._blocks):
        assert {one.accumulator for one in graph._narrowings()} == {26}
    assert all(np.array_equal(v, narrow.state()[0][k]) for k, v in wide.state()[0].items())


def test_replay_without_a_shared_network_is_refused() -> None:
    with pytest.raises(InputError, match=r"replay\.slots = 16 has no effect with network.tasks = own"):
        make(replay__slots=16)
    make(replay__slots=0)


def test_sub_arrays_that_are_too_small_are_named() -> None:
    with pytest.raises(InputError, match=r"16 rows, 32 of them active .* \(array.rows, array.active\)"):
        make(array__rows=16).inventory()


@pytest.mark.parametrize("stream", chips.kind("sas-mram").first_streams)
def test_the_settings_of_a_default_stream_fit_it(stream: str) -> None:
    """With and without MNIST: a run without a stream's name gets settings that its stream can serve."""
    if not find(describe(stream).source, None):
        pytest.skip("its data set is not here")
    settings = {**chips.kind("sas-mram").first_settings[stream], "network.train": "last"}
    opened = Experiment("sas-mram", stream, settings=settings).build(0)[0]
    assert [task.examples for task in opened.tasks] == [1000] * 5
