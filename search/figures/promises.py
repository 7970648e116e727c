"""What was promised of merged models, beside what they came to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.figures.style import MERGED, MUTED, dress, escape, title
from search.front import Front
from search.promised import tested
from search.trial import Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST = 4  # objectives side by side


def promised(front: Front, trials: Sequence[Trial]) -> "Figure":
    """A panel for each objective: predicted against true, on the line where both are the same."""
    from plotly.subplots import make_subplots

    shown, merges = front.objectives[:MOST], tested(trials)
    figure = make_subplots(rows=1, cols=len(shown), horizontal_spacing=0.07)
    for place, objective in enumerate(shown):
        told = [objective.loss(trial.promised[place]) for trial in merges]  # a sign that flips back
        came = [trial.values[objective.name] for trial in merges]
        ends = [min(told + came), max(told + came)]
        at = {"row": 1, "col": place + 1}
        figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": MUTED, "width": 1}, hoverinfo="skip", **at)
        figure.add_scatter(
            x=told, y=came, mode="markers", marker={"color": MERGED, "size": 7}, hoverinfo="text",
            hovertext=[
                f"<b>{escape(trial.id)}</b><br>promised {x:.4g}<br>came to {y:.4g}"
                for trial, x, y in zip(merges, told, came, strict=True)
            ],
            **at,
        )  # fmt: skip
        figure.update_xaxes(title_text=f"promised {title(objective)}", **at)
        figure.update_yaxes(title_text="came to" if not place else None, **at)
    return dress(figure, height=330, showlegend=False)
