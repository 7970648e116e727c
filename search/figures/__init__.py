"""A front in pictures, and in one html page that needs nothing else.

    scatter      front      a scatter for every pair of objectives, in data units
    parallels    parallel   params and objectives side by side, one line a member
    growth       progress   the hypervolume by trial
    script       what the page does: links, limits, keys
    promises     promised   what was predicted of merges, against what they came to
    document     page       all of it in one html file, with a table                                  [plotly]

Colours are told apart by colour-blind eyes and in print. Drawn as SVG alone: plotly's WebGL figures (``splom``,
``parcoords``) need a graphics driver and ``eval``, which a sandboxed page has not.
"""

from search.figures.document import page
from search.figures.growth import progress
from search.figures.parallels import parallel
from search.figures.promises import promised
from search.figures.scatter import front

__all__ = ["front", "page", "parallel", "progress", "promised"]
