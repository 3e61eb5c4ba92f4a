"""Small pieces of HTML: tables, lists and figures with their intervals."""

from __future__ import annotations

from html import escape

from training.evaluation.metrics import Metric
from training.reports.site_verdicts import between, to_tenths


def show_list(items: list[str]) -> str:
    """Answer a list of plain texts."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def show_table(heads: list[str], rows: list[tuple[str, list[str]]]) -> str:
    """Answer a table; the first cell of each row is plain text, heads and the other cells are HTML."""
    head = "".join(f"<th>{text}</th>" for text in heads) if any(heads) else ""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for name, cells in rows
    )
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>'


def show(figure: Metric) -> str:
    """Show a share and its interval as HTML; a dash and the note where it is undefined."""
    if figure.value is None:
        return f"– <small>{escape(figure.note or '')}</small>"
    return f"{short(figure)} <small>({between(figure)})</small>"


def short(figure: Metric) -> str:
    """Show a share alone."""
    return "–" if figure.value is None else to_tenths(figure.value)


def number(figure: Metric) -> str:
    """Show a figure that is no share, with its interval, as plain text."""
    return str(figure)


def show_p(p_value: float) -> str:
    """Show the p-value of a test."""
    return "&lt; 0.001" if p_value < 0.001 else f"{p_value:.3f}"
