"""What all figures share: colours, escaping, the look of an axis."""

import html
from typing import TYPE_CHECKING, Any

from search.study import Objective

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TRAINED, MERGED, DOMINATED = "#0072B2", "#D55E00", "#C9CED6"
MERGED_BEHIND, FAILED, RUNNING, STUDY = "#EBC7AE", "#E9ECEF", "#7FB8DA", "#333333"
INK, MUTED, GRID, SHADE = "#1F2933", "#5B6770", "#E4E8EC", "#F4F6F8"
KINDS = {"trained": TRAINED, "merged": MERGED}
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
FAINT = 0.35  # opacity of a doubtful member
DECADES = 100.0  # a positive range wider than this is drawn in its logarithm


def empty(figure: "Figure", why: str) -> "Figure":
    figure.add_annotation(
        text=why, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, font={"size": 15, "color": MUTED}
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return dress(figure, height=160)


def dress(figure: "Figure", *, height: int, **layout: Any) -> "Figure":
    figure.update_layout(
        template="none", height=height, margin={"l": 60, "r": 16, "t": 30, "b": 50}, hovermode="closest",
        font={"family": FONT, "size": 12, "color": INK},
        hoverlabel={"bgcolor": "white", "bordercolor": MUTED, "align": "left", "font": {"color": INK, "size": 12}},
        paper_bgcolor="white", plot_bgcolor="white", **layout,
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID, zeroline=False, linecolor=MUTED, automargin=True, title_standoff=8)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, linecolor=MUTED, automargin=True, title_standoff=8)
    return figure


def title(objective: Objective, *, lines: bool = False) -> str:
    """``error [%] ↓``: less is better; with ``lines`` on two of them."""
    unit = f"[{escape(objective.unit, 16)}]\u00a0" if objective.unit else ""
    arrow = "↓" if objective.direction == "min" else "↑"
    return f"{escape(objective.name, 26)}{'<br>' if lines and unit else ' '}{unit}{arrow}"


def short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def escape(text: object, longest: int = 80) -> str:
    """For html and for plotly, which reads a part of html; cut where it would not fit."""
    words = str(text)
    return html.escape(words if len(words) <= longest else words[: longest - 1] + "…")
