"""What is taken for a network, and the one line that is said of anything else."""

import io
import os
import pickle
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from app.errors import ArtifactRefused
from training.publishing.foreign_file import MAX_REASON, load_foreign, shorten_reason

FILMS = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3)).astype(np.float32)


class Doubling(layers.Layer):
    """A layer that Keras can't know when it loads the file."""

    def call(self, films):
        return films * 2


def build(*extra):
    return keras.Sequential(
        [keras.Input((12, 12, 3)), *extra, layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Dense(1)]
    )


def save(folder, *extra, name="n.keras", **options):
    build(*extra).save(folder / name, **options)
    return folder / name


def rewrite(path, change):
    """Write a `.keras` file again with its parts changed: (name, content) → content, or None to leave it out."""
    with zipfile.ZipFile(path) as stored:
        parts = {name: change(name, stored.read(name)) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            if content is not None:
                changed.writestr(name, content)
    return path


def refusal(path):
    with pytest.raises(ArtifactRefused) as refused:
        load_foreign(path)
    message = str(refused.value)
    assert "\n" not in message
    assert len(message) < MAX_REASON + 200
    return message


def as_bytes(name, content):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def zipped(**parts):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["n.keras", "n.h5", "n.hdf5"])
@pytest.mark.parametrize("renamed", ["n", "n.keras", "n.h5", "n.bin"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_network_is_known_by_its_bytes_whatever_its_file_is_called(tmp_path, name, renamed):
    """TensorFlow before 2.12 wrote HDF5 into files named .keras; downloads lose their endings."""
    network = build()
    network.save(tmp_path / name)
    (tmp_path / name).rename(tmp_path / renamed)
    assert np.array_equal(np.asarray(load_foreign(tmp_path / renamed)(FILMS)), np.asarray(network(FILMS)))


def test_a_network_that_was_saved_unzipped_is_taken(tmp_path):
    """Keras writes a folder where it is told to."""
    network = build()
    network.save(tmp_path / "n", zipped=False)
    assert np.array_equal(np.asarray(load_foreign(tmp_path / "n")(FILMS)), np.asarray(network(FILMS)))


def save_pytorch(folder):
    return as_bytes("n.pt", zipped(**{"archive/data.pkl": b"", "archive/version": b"3"}))(folder)


def save_weights(folder):
    build().save_weights(folder / "n.weights.h5")
    return folder / "n.weights.h5"


def save_savedmodel(folder):
    (folder / "n").mkdir()
    (folder / "n" / "saved_model.pb").write_bytes(b"")
    return folder / "n"


def save_without_config(folder):
    return rewrite(save(folder), lambda name, content: None if name == "config.json" else content)


def save_without_weights(folder):
    return rewrite(save(folder), lambda name, content: None if "weights" in name else content)


def save_with_broken_config(folder):
    return rewrite(save(folder), lambda name, content: content[:50] if name == "config.json" else content)


def save_with_another_argument(folder):
    return rewrite(save(folder), lambda _, content: content.replace(b'"kernel_size"', b'"kernal_size"'))


def save_for_other_filters(folder):
    return rewrite(save(folder), lambda _, content: content.replace(b'"filters": 2', b'"filters": 3'))


def save_of_tensorflow_2(folder):
    return rewrite(save(folder), lambda _, content: content.replace(b'"Conv2D"', b'"TFOpLambda"'))


def save_cut(folder):
    path = save(folder)
    return as_bytes("cut.keras", path.read_bytes()[:-100])(folder)


def save_cut_h5(folder):
    return as_bytes("cut.h5", save(folder, name="n.h5").read_bytes()[:3000])(folder)


def save_flipped(folder):
    data = bytearray(save(folder).read_bytes())
    data[len(data) // 2] ^= 255
    return as_bytes("flipped.keras", bytes(data))(folder)


def make_pipe(folder):
    os.mkfifo(folder / "n.keras")
    return folder / "n.keras"


def link_to_nothing(folder):
    (folder / "n.keras").symlink_to(folder / "absent")
    return folder / "n.keras"


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda folder: folder / "absent.keras", ["There is no", "absent.keras"]),
        (link_to_nothing, ["There is no"]),
        (lambda folder: folder, ["a folder without a network"]),
        (make_pipe, ["is no file", "a pipe"]),
        (save_savedmodel, ["a TensorFlow SavedModel", "save it again: model.save('network.keras')"]),
        (as_bytes("n.keras", b""), ["an empty file"]),
        (as_bytes("n.keras", b"version https://git-lfs.github.com/spec/v1"), ["a file of another kind"]),
        (as_bytes("n.tflite", b"\x1c\0\0\0TFL3"), ["TensorFlow Lite", "model.save('network.keras')"]),
        (as_bytes("n.pkl", pickle.dumps([1])), ["a Python pickle"]),
        (save_pytorch, ["a PyTorch file"]),
        (as_bytes("n.keras", zipped(**{"a.txt": "x"})), ["a ZIP archive without the config.json"]),
        (save_without_config, ["a ZIP archive without the config.json"]),
        (save_cut, ["damaged or incomplete .keras file", "not a zip file"]),
        (save_flipped, ["Keras does not load this network: Bad CRC-32"]),
        (save_cut_h5, ["Keras does not load this network", "truncated file"]),
        (save_weights, ["No model config", "n.weights.h5", "It holds weights alone", "model.save('network.keras')"]),
        (save_without_weights, ["Expected a model.weights.h5"]),
        (save_with_broken_config, ["Keras does not load this network: "]),
        (save_with_another_argument, ["missing 1 required positional argument: 'kernel_size'"]),
        (save_for_other_filters, ["incompatible with the layer"]),
        (save_of_tensorflow_2, ["keras.layers.TFOpLambda", "Only layers that come with Keras"]),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_anything_else_is_refused_in_one_line_that_says_what_it_is(tmp_path, write, said):
    """With Keras' own reason where it has one, and the next step where there is one."""
    message = refusal(write(tmp_path))
    assert [part for part in said if part not in message] == []


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (lambda: layers.Lambda(lambda films: films / 255), "Requested the deserialization of a `Lambda` layer"),
        (Doubling, "'Doubling'"),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_code_of_the_file_is_not_run(tmp_path, ending, layer, said):
    """A Lambda or a layer of somebody's own is refused with Keras' reason, and no word of switching that off."""
    message = refusal(save(tmp_path, layer(), name=f"n{ending}"))
    assert said in message
    assert message.endswith("Only layers that come with Keras are taken over.")
    assert "safe_mode" not in message


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    """Its reason is that of the system."""
    path = save(tmp_path)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    assert "cannot be read: Permission denied" in refusal(path)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n\n  b"), "a b."),
        (KeyError("There is no item"), "There is no item."),
        (ValueError(""), "ValueError."),
        (TypeError("<class X> failed.\n\nconfig={'a': 1}.\n\nException encountered: too few units."), "too few units."),
        (TypeError("No class 'My'. Full object config: {'a': 1}"), "No class 'My'."),
        (ValueError("\x1b[1mNo.\x1b[0m"), "No."),
        (ValueError(f"{'x' * 200}. {'y' * 200}"), f"{'x' * 200}."),
    ],
)
def test_the_innermost_reason_is_what_is_shown(error, line):
    """Without the configuration around it, on one line, and cut at the end of a sentence."""
    assert shorten_reason(error) == line


def test_a_reason_without_sentences_is_cut_between_words():
    """So that a list of a hundred names stays one line."""
    line = shorten_reason(ValueError("name " * 200))
    assert line.endswith("name …")
    assert len(line) <= MAX_REASON + 2
