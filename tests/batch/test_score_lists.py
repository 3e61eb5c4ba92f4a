"""Which paths a list on standard input names."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest
from typer.testing import CliRunner

import pneumoserve
from batch.errors import CallError, NothingNamed, WrongList
from batch.path_lists import expand_sources, read_list
from tests.batch.stand_in import StandIn
from tests.conftest import encode, film_pixels

Command = Callable[..., tuple[int, str]]
NAMES = ["a.jpeg", "sub folder/b.png", "/abs/Lungenrücken Ж 肺.dcm"]
LINES = "\r\n".join(NAMES) + "\r\n"
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str, end: str) -> None:
    """A byte-order mark tells the encoding, whatever ends the lines."""
    text = end.join([*NAMES, "", "last"])
    assert read_list(MARKS[encoding] + text.encode(encoding)) == [*NAMES, "last"]


def test_a_byte_order_mark_wins_over_the_option() -> None:
    marked = codecs.BOM_UTF16_BE + LINES.encode("utf-16-be")
    assert read_list(marked, encoding="utf-16-le") == read_list(marked, encoding="cp1252") == NAMES


@pytest.mark.parametrize("encoding", [*MARKS, "gb18030"])
def test_the_option_tells_the_encoding_where_there_is_no_mark(encoding: str) -> None:
    assert read_list(LINES.encode(encoding), encoding=encoding) == NAMES


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("text", [LINES, "a.jpeg", "a.jpeg\r\n", ".\n/\n", "Ж.jpeg\n", "ab"])
@pytest.mark.parametrize("null", [False, True])
def test_wide_letters_without_a_mark_are_refused(encoding: str, text: str, null: bool) -> None:
    """A list in UTF-16 or UTF-32 without a mark is refused, and both ways out are named; --null alone does not help."""
    with pytest.raises(WrongList, match=r"--encoding utf-16-le .*--null"):
        read_list(text.encode(encoding), null=null)


@pytest.mark.parametrize("names", [["a.png"], ["./a", "./b c"], ["/x/肺.png", "y\udcff.png"]])
def test_find_print0_is_known_where_it_can_be_nothing_else(names: list[str]) -> None:
    """What `find -print0` writes is known without an option where it can be nothing else."""
    data = "".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape")
    assert read_list(data) == read_list(data, null=True) == names


@pytest.mark.parametrize("names", [[".", "./a", "./b"], ["x\ny.png", "z.png"], [" a.png ", '"b"'], ["x.png", "y"]])
def test_null_takes_names_as_they_stand(names: list[str]) -> None:
    """With --null names are taken as they stand: a folder, line ends, spaces and quotes in them included."""
    assert read_list("\0".join(names).encode(), null=True) == names


@pytest.mark.parametrize("data", [b".\0./a\0", b"x\ny.png\0", b"a.png\0b.png", b"a.png\nb\0c.png\n"])
def test_other_nuls_are_refused_without_the_option(data: bytes) -> None:
    """Other NULs are refused without the option: they could be anything."""
    with pytest.raises(WrongList, match="--null"):
        read_list(data)


def test_names_of_one_letter_need_both_options() -> None:
    """Names of one letter look like UTF-16: with both options they are read."""
    assert read_list(b"a\0b\0", null=True, encoding="utf-8") == ["a", "b"]


def test_names_that_are_no_utf_8_keep_their_bytes() -> None:
    """Names that are no UTF-8 keep their bytes, with a mark and with the option too."""
    for given in ({}, {"encoding": "UTF8"}, {"null": True}):
        end = b"\0" if "null" in given else b"\n"
        assert read_list(b"\xe9t\xe9.png" + end, **given) == ["\udce9t\udce9.png"]
    assert read_list(codecs.BOM_UTF8 + b"\xe9.png\n") == ["\udce9.png"]


@pytest.mark.parametrize("encoding", ["nonsense", "base64", "", "undefined", "utf-16\0"])
def test_an_encoding_that_there_is_not_is_named(encoding: str) -> None:
    """An encoding that there is not is a wrong call."""
    with pytest.raises(CallError, match="--encoding"):
        read_list(b"a.png\n", encoding=encoding)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (codecs.BOM_UTF16_LE + "a.png\n".encode("utf-16-le")[:-1], None),
        (codecs.BOM_UTF16_LE + b"\x00\xd8a\0\n\0", None),
        (codecs.BOM_UTF32_LE + b"a.png\n\0\0", None),
        (b"\xe9.png\n", "ascii"),
        (b"a.png", "utf-16-le"),
    ],
)
def test_bytes_that_do_not_fit_the_encoding_are_refused(data: bytes, encoding: str) -> None:
    """Bytes that do not fit the encoding are refused: an odd length, half a pair, letters that there are not."""
    with pytest.raises(WrongList, match="Expected a list in"):
        read_list(data, encoding=encoding)


@pytest.mark.parametrize("film", ["jpeg", "png"])
def test_a_film_instead_of_a_list_is_reported(film: Path) -> None:
    with pytest.raises(WrongList, match="bytes of a film"):
        read_list(encode(film_pixels(), f".{film}"))


def test_spaces_quotes_and_marks_around_a_path_are_taken_off(tmp_path: Path) -> None:
    """Spaces, quotes and marks around a path are taken off, unless a file is named so."""
    exact = tmp_path / ' "b.png" '
    exact.touch()
    lines = ["a.png ", '"a b.png"', "'c.png'\t", "\ufeffd.png", '"', "   ", f"{exact}", '""']
    assert read_list("\n".join(lines).encode()) == ["a.png", "a b.png", "c.png", "d.png", '"', str(exact)]


def test_the_list_stands_in_the_place_of_the_dash() -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"b\nc\n"))
    assert expand_sources(["a", "-", "d"], stdin) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("stdin", [None, io.TextIOWrapper(io.BytesIO(b"\n\r\n  \n"))])
def test_an_empty_list_is_an_error(stdin: io.TextIOWrapper | None) -> None:
    """An empty list, or a closed standard input, is an error."""
    with pytest.raises(NothingNamed, match="standard input"):
        expand_sources(["-"], stdin)


def test_a_standard_input_that_cannot_be_read_is_an_error() -> None:
    """A standard input that cannot be read, as a terminal's in the background, is an error."""

    class Terminal(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: object) -> Never:
            raise OSError(5, "Input/output error")

    with pytest.raises(WrongList, match="Input/output error"):
        expand_sources(["-"], io.TextIOWrapper(io.BufferedReader(Terminal())))


@pytest.mark.parametrize("options", [{"null": True}, {"encoding": "utf-16"}])
def test_how_a_list_is_written_is_reported_only_where_there_is_one(options: dict[str, Any]) -> None:
    with pytest.raises(WrongList, match="among the sources"):
        expand_sources(["films"], None, **options)


@pytest.fixture
def command(service: StandIn, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call `score -` in the folder of the NORMAL films with a list on standard input; status and standard error."""

    def command(listed: bytes, *options: str) -> tuple[int, str]:
        monkeypatch.chdir(films / "NORMAL")
        arguments = ["score", "-", "--url", service.url, "--out", str(tmp_path / "out.csv"), *options]
        errors = CliRunner().invoke(pneumoserve.app, arguments, input=listed)
        return errors.exit_code, errors.stderr

    return command


@pytest.mark.parametrize("options", [[], ["--null"]])
def test_a_wide_list_without_a_mark_sends_nothing(command: Command, service: StandIn, options: dict[str, Any]) -> None:
    """A UTF-16 list without a mark is a wrong call that names both options, and no film is sent."""
    status, errors = command("person0_virus_1.jpeg\r\n".encode("utf-16-le"), *options)
    assert (status, service.received) == (2, [])
    assert "--null" in errors
    assert "--encoding" in errors


@pytest.mark.parametrize(
    ("listed", "options"),
    [
        ("person0_virus_1.jpeg\r\n".encode("utf-16-le"), ["--encoding", "utf-16-le"]),
        ("person0_virus_1.jpeg\r\n".encode("utf-16"), []),
        (b"person0_virus_1.jpeg\0", ["--null"]),
        (b'"./person0_virus_1.jpeg" \r\n', []),
    ],
)
def test_a_list_that_can_be_read_sends_the_films_that_it_names_alone(
    command: Command, service: StandIn, listed: bytes, options: dict[str, Any]
) -> None:
    """A list that can be read sends the films that it names, and no others."""
    assert command(listed, *options)[0] == 0
    assert service.received == [b"negative 0"]
