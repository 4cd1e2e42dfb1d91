"""Several inputs in one call of a net: whose calls are joined, whom an error reaches, and what is said stays what is said one by one. No torch."""

import threading
import time
from types import ModuleType

import numpy as np
import onnx
import pytest
from checkpoints_made import linear_graph, word_tokenizer
from onnx import TensorProto

from attune.checkpoints import graphs
from attune.checkpoints.rows import Rows
from attune.checkpoints.together import Joined, Net, alike, joined

WAIT = 20                                # s after which a test that would wait for ever fails


class Model:
    """Says of a number its double; notes the size of each call. The first call waits, if it is to, until it is let go."""

    def __init__(self, *, held=False, most=1000):
        self.sizes, self.most = [], most
        self.begun, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    def many(self, inputs):
        self.sizes.append(len(inputs))
        self.begun.set()
        assert self.go.wait(WAIT)
        if len(inputs) > self.most:
            raise MemoryError("too many")
        if "bad" in list(inputs):
            raise ValueError("bad input")
        return np.array([[2.0 * one] for one in inputs])

    def __call__(self, inputs):
        return self.many(inputs) if len(inputs) else np.zeros((0, 1))


def asked(model, *lists):
    """What each thread gets that asks about one of the lists at once: rows, or the error. The first is under way before the others come."""
    got = [None] * len(lists)

    def ask(i):
        try:
            got[i] = model(lists[i])[:, 0].tolist()
        except BaseException as error:
            got[i] = error

    threads = [threading.Thread(target=ask, args=(i,), daemon=True) for i in range(len(lists))]
    threads[0].start()
    assert model.model.begun.wait(WAIT)
    for thread in threads[1:]:
        thread.start()
    until = time.monotonic() + WAIT
    while len(model._waiting) < sum(map(len, lists)) - min(model.most, len(lists[0])) and time.monotonic() < until:      # all but those under way
        time.sleep(0.001)
    model.model.go.set()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive(), "a thread waits for ever"
    return got


def test_what_comes_while_a_call_is_under_way_goes_together_in_the_next_one():
    model = Joined(Model(held=True), 4)
    assert asked(model, [0], *([i] for i in range(1, 8))) == [[2.0 * i] for i in range(8)]
    assert model.model.sizes == [1, 4, 3]


def test_rows_come_back_in_the_order_in_which_their_inputs_were_given():
    model = Joined(Model(held=True), 3)
    assert asked(model, [5, 4, 3, 2], [9], [8, 7, 6, 1]) == [[10, 8, 6, 4], [18], [16, 14, 12, 2]]
    assert model.model.sizes == [3, 3, 3]


def test_one_thread_by_itself_is_given_full_calls_and_none_for_nothing():
    model = Joined(Model(), 4)
    assert model(list(range(10)))[:, 0].tolist() == [2.0 * i for i in range(10)]
    assert model([]).shape == (0, 1) and model.model.sizes == [4, 4, 2]


def test_an_error_reaches_only_whose_input_it_is():
    model = Joined(Model(held=True), 8)
    first, second, third, fourth = asked(model, [0], [1], ["bad"], [3, 4])
    assert (first, second, fourth) == ([0], [2], [6, 8])
    assert isinstance(third, ValueError)
    assert model.model.sizes == [1, 4, 1, 1, 1, 1] and model.most == 8
    assert model([7])[0, 0] == 14                            # and the next one is answered as if nothing had been


def test_a_call_that_is_too_large_is_made_smaller_and_costs_nobody_anything(caplog):
    model = Joined(Model(most=3), 8)
    assert model(list(range(16)))[:, 0].tolist() == [2.0 * i for i in range(16)]
    assert model.model.sizes == [8, *[1] * 8, 4, *[1] * 4, 2, 2]
    assert "from now on at most 4" in caplog.text and "at most 2" in caplog.text


def test_who_waits_for_a_thread_that_is_ended_in_the_middle_of_a_call_is_told():
    class Ended(Model):
        def many(self, inputs):
            super().many(inputs)
            raise SystemExit

    model = Joined(Ended(held=True), 8)
    assert all(isinstance(got, SystemExit) for got in asked(model, [0], [1], [2]))


def test_who_is_stopped_leaves_nothing_for_the_next_one_to_ask():
    class Stopped(Model):
        def many(self, inputs):
            super().many(inputs)
            raise KeyboardInterrupt

    model = Joined(Stopped(), 2)
    with pytest.raises(KeyboardInterrupt):
        model([1, 2, 3, 4, 5])
    model.model = Model()
    assert model([6])[:, 0].tolist() == [12] and model.model.sizes == [1]


def test_threads_that_ask_two_models_in_turn_or_end_early_hold_nobody_up():
    face, voice = (Joined(Model(), 4) for _ in range(2))
    wrong, rounds = [], 30

    def follow(n):
        draw = np.random.default_rng(n)
        for i in range(rounds if n % 3 else 2):                  # some end early
            for model in ((face, voice) if n % 2 else (voice, face)):
                given = draw.integers(1000, size=draw.integers(1, 6)).tolist()
                if model(given)[:, 0].tolist() != [2.0 * one for one in given]:
                    wrong.append((n, i))

    threads = [threading.Thread(target=follow, args=(n,), daemon=True) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert not wrong and not any(thread.is_alive() for thread in threads)
    assert max(face.model.sizes + voice.model.sizes) <= 4


def test_a_model_is_loaded_once_for_all_threads_and_one_that_takes_single_inputs_stays_as_it_is():
    loaded, module, plain = [], ModuleType("tiny"), ModuleType("packaged")

    def load():
        if not loaded:
            time.sleep(0.05)
            loaded.append(Model())
        return loaded[0]

    module.load, module.SIZE = load, (8, 8)
    plain.load = lambda: len
    found = []
    threads = [threading.Thread(target=lambda: found.append(joined(module, 8).load())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert len(loaded) == 1 and len(set(map(id, found))) == 1 and isinstance(found[0], Joined)
    assert joined(module, 8).SIZE == (8, 8)
    assert joined(plain, 8).load() is len


# what goes together, and whether it may

def test_only_what_is_at_most_twice_as_long_is_padded_to_one_length():
    lengths = [10, 21, 20, 41, 40, 100]
    groups = alike(lengths, 2.0)
    assert [[lengths[i] for i in group] for group in groups] == [[10, 20], [21, 40, 41], [100]]


def net(leak=0.0, **options):
    """Says how long a text is; together with longer ones, more by `leak` a letter."""
    sizes = []

    def run(texts):
        sizes.append(len(texts))
        return np.array([[len(t) + leak * (max(map(len, texts)) - len(t))] for t in texts], np.float32)

    return Net(lambda text: np.array([len(text)], np.float32), run, len, **options), sizes


def test_padded_inputs_go_together_and_come_back_in_their_order():
    one, sizes = net(pads=True)
    texts = ["abcd", "ab", "abc", "abcdefghij", "abcde"]
    for _ in range(2):                                         # the first time it is seen whether it says the same
        assert one(texts)[:, 0].tolist() == [4, 2, 3, 10, 5]
    assert sizes == [3, 2, 3, 2]


def test_a_net_that_takes_no_padding_is_given_what_has_one_length():
    one, sizes = net()
    assert one(["abcd", "ab", "cd", "efgh", "ef"])[:, 0].tolist() == [4, 2, 2, 4, 2] and sizes == [3, 2]


def test_a_net_that_hears_padding_is_found_out_and_asked_one_by_one(caplog):
    one, sizes = net(leak=0.1, pads=True)
    for _ in range(2):
        assert one(["abcd", "ab", "abc", "xyz"])[:, 0].tolist() == [4, 2, 3, 3]      # never a wrong number, not even the first time
    assert sizes == [4, 2] and caplog.text.count("padded to one length") == 1     # later only the two of one length


def test_little_padding_that_hardly_shows_is_no_reason_to_trust_much_of_it(caplog):
    one, sizes = net(leak=0.0005, pads=True)                  # of a letter: below what is compared; of nine: above it
    assert one(["a" * 10, "a" * 11])[:, 0].tolist() == [10, 11] and sizes == [2]
    assert one(["a" * 10, "a" * 19])[:, 0].tolist() == [10, 19] and sizes == [2, 2]
    assert caplog.text.count("padded to one length") == 1
    assert one(["a" * 10, "a" * 19])[:, 0].tolist() == [10, 19] and sizes == [2, 2]


def test_a_call_of_two_is_no_reason_to_trust_one_of_eight(caplog):
    sizes = []

    def run(inputs):
        sizes.append(len(inputs))
        return np.array([[x + 0.0004 * (len(inputs) - 1)] for x in inputs], np.float32)

    one = Net(lambda x: np.array([x], np.float32), run)
    one([1.0, 2.0])
    assert one([1.0, 2.0])[:, 0].tolist() == pytest.approx([1.0004, 2.0004], abs=1e-6)        # compared already
    assert one([float(x) for x in range(8)])[:, 0].tolist() == list(range(8))
    assert one([1.0, 2.0])[:, 0].tolist() == [1, 2] and sizes == [2, 2, 8]
    assert caplog.text.count("in one call") == 1


def test_a_net_that_mixes_inputs_of_one_length_is_not_given_padded_ones_either():
    sizes = []

    def run(texts):
        sizes.append(len(texts))
        return np.array([[len(t) + (len({*map(len, texts)}) == 1)] for t in texts], np.float32)

    one = Net(lambda text: np.array([len(text)], np.float32), run, len, pads=True)
    assert one(["ab", "cd"])[:, 0].tolist() == [2, 2]
    assert one(["ab", "abc"])[:, 0].tolist() == [2, 3] and sizes == [2]


def test_a_net_that_says_something_else_of_several_is_asked_one_by_one(caplog):
    one = Net(lambda x: np.array([x], np.float32), lambda inputs: np.array([[max(inputs)] for _ in inputs]))
    for _ in range(2):
        assert one([1.0, 2.0])[:, 0].tolist() == [1, 2]
    assert caplog.text.count("in one call") == 1


def test_what_cannot_be_measured_is_missing_beside_what_can():
    model = Rows(1, lambda x: x > 0, lambda x: np.array([x]), together=lambda inputs: np.array([[x] for x in inputs]))
    np.testing.assert_array_equal(model.many([1, -1, 3]), [[1], [np.nan], [3]])
    assert np.isnan(model.many([-1])).all() and model.many([]).shape == (0, 1)
    assert Rows(1, bool, np.array).many is None


# graphs

@pytest.fixture
def counted(monkeypatch):
    """Sizes of all calls of graphs."""
    import onnxruntime

    plain, sizes = onnxruntime.InferenceSession.run, []

    def run(session, names, feed, *more):
        sizes.append(len(next(iter(feed.values()))))
        return plain(session, names, feed, *more)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", run)
    return sizes


def crops(n):
    return np.random.default_rng(0).integers(256, size=(n, 8, 8, 3), dtype=np.uint8)


def faces(path, axis):
    rng = np.random.default_rng(1)
    linear_graph(path, {"x": [axis, 3, 8, 8]}, rng.normal(size=(3, 4)), rng.normal(size=4), over=(2, 3))
    return graphs.picture(path, (8, 8), (0, 0, 0), (1, 1, 1), lambda row: row, 4)


def test_a_graph_with_an_open_batch_axis_sees_several_faces_in_a_call(tmp_path, counted):
    model = faces(tmp_path / "open.onnx", "n")
    alone = model(crops(5))
    assert counted == [1] * 5
    np.testing.assert_allclose(model.many(crops(5)), alone, atol=1e-5)       # is compared
    counted.clear()
    np.testing.assert_allclose(model.many(crops(5)), alone, atol=1e-5)
    assert counted == [5]


def test_a_graph_of_one_input_or_with_numbers_scaled_by_the_call_sees_one_at_a_time(tmp_path):
    assert faces(tmp_path / "one.onnx", 1).many is None
    faces(tmp_path / "eight.onnx", "n")
    model = onnx.load(str(tmp_path / "eight.onnx"))
    nodes = [onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]), onnx.helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"])]
    model.graph.node[0].input[0] = "y"
    for i, node in enumerate(nodes):
        model.graph.node.insert(i, node)
    onnx.save(model, str(tmp_path / "eight_bits.onnx"))
    quantised = graphs.picture(tmp_path / "eight_bits.onnx", (8, 8), (0, 0, 0), (1, 1, 1), lambda row: row, 4)
    assert quantised.many is None and quantised(crops(2)).shape == (2, 4)


def test_a_graph_is_not_looked_through_unless_several_inputs_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(graphs.mmap, "mmap", lambda *given, **more: pytest.fail("the whole file is read"))
    model = faces(tmp_path / "open.onnx", "n")
    assert model(crops(2)).shape == (2, 4)


def means(path, inputs, *, masked=False, kind=TensorProto.FLOAT):
    """An ONNX file: the mean of the first input (n, t) over time, masked by the second, times two weights."""
    helper, numbers = onnx.helper, onnx.numpy_helper.from_array
    nodes = [helper.make_node("Cast", [name], [f"{name}_"], to=TensorProto.FLOAT) for name in inputs]
    given, mask = (f"{inputs[0]}_", f"{inputs[-1]}_") if masked else (f"{inputs[0]}_", "")
    nodes += [helper.make_node("Mul", [given, mask], ["heard"]), helper.make_node("ReduceSum", ["heard", "axis"], ["sum"]),
              helper.make_node("ReduceSum", [mask, "axis"], ["count"]), helper.make_node("Div", ["sum", "count"], ["mean"])] if masked else [
              helper.make_node("ReduceMean", [given, "axis"], ["mean"])]
    nodes += [helper.make_node("MatMul", ["mean", "weight"], ["said"])]
    graph = helper.make_graph(
        nodes, "means", [helper.make_tensor_value_info(name, kind, ["n", "t"]) for name in inputs],
        [helper.make_tensor_value_info("said", TensorProto.FLOAT, ["n", 2])],
        [numbers(np.array([[0.5, -1.0]], np.float32), "weight"), numbers(np.array([1], np.int64), "axis")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path


def test_sounds_of_one_length_go_together_and_others_are_never_padded(tmp_path, counted):
    model = graphs.sound(means(tmp_path / "ear.onnx", ["x"]), lambda s: True, lambda s: s, lambda row: row, 2)
    sounds = [np.full(length, value, np.float32) for length, value in ((9, 1), (5, 2), (9, 3), (9, 4))]
    for _ in range(2):
        np.testing.assert_allclose(model.many(sounds), [[0.5, -1], [1, -2], [1.5, -3], [2, -4]])
    assert counted == [1, 3, 1, 1, 1, 1, 3]                   # the first time each is also asked about alone


@pytest.mark.parametrize("masked", [True, False])
def test_texts_are_padded_with_a_mask_and_a_graph_that_reads_padding_is_found_out(masked, tmp_path, counted, caplog):
    word_tokenizer(tmp_path / "tokenizer.json", ["so", "happy", "sad", "<pad>"])
    path = means(tmp_path / "eye.onnx", ["input_ids", "attention_mask"], masked=masked, kind=TensorProto.INT64)
    model = graphs.text(path, tmp_path / "tokenizer.json", 64, lambda row: row, 2)
    texts = ["so happy", "sad", "so so sad happy", "", "sad so", "happy " * 30]
    alone = model(texts)
    for _ in range(3):
        counted.clear()
        np.testing.assert_allclose(model.many(texts), alone, atol=1e-5)
    assert counted == ([4, 1] if masked else [1, 2, 1, 1])
    assert ("padded to one length" in caplog.text) is not masked
