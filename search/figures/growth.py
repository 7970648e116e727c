"""How the front grew."""

from typing import TYPE_CHECKING

from search.figures.style import MUTED, TRAINED, dress, empty
from search.front import Front

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def progress(front: Front) -> "Figure":
    """The hypervolume by trial; a dot is a trial that moved the front."""
    import plotly.graph_objects as go

    figure = go.Figure()
    if not front.curve:
        why = "No trial satisfies every constraint yet." if front.trials else "No trial has finished yet."
        return empty(figure, why)
    numbers, heights = [number for number, _ in front.curve], [height for _, height in front.curve]
    moved = [i for i, height in enumerate(heights) if height > (heights[i - 1] if i else 0.0)]
    figure.add_scatter(
        x=numbers, y=heights, mode="lines", line={"shape": "hv", "color": TRAINED, "width": 2},
        fill="tozeroy", fillcolor="rgba(0,114,178,0.08)", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=[numbers[i] for i in moved], y=[heights[i] for i in moved], mode="markers", hoverinfo="text",
        marker={"color": TRAINED, "size": 6},
        hovertext=[f"trial {numbers[i]}: {heights[i]:.5g}" for i in moved],
    )  # fmt: skip
    if not moved:
        figure.add_annotation(
            text="Every trial is beyond the limit of some objective, so the hypervolume is 0.",
            xref="paper", yref="paper", x=0.5, y=0.6, showarrow=False, font={"size": 14, "color": MUTED},
        )  # fmt: skip
        figure.update_yaxes(range=[0, 1])
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text="hypervolume", rangemode="tozero")
    return dress(figure, height=300, showlegend=False)
