"""The fixed parts of the html page: texts, style, and the script that links its figures to its table."""

WARNING = '<p class="warning">No trial satisfies every constraint. Shown are the trials of least violation.</p>'

MEMBERS = """
<p class="small">Hover a point to find it everywhere; click it to find its row. Drag to zoom, double-click to zoom out.
Grey trials far from the front lie outside the first view.</p></section>
<section><h2>Members</h2>{table}
<p class="small">Small numbers: the value on the report split, which had no part in any choice; survives: not
dominated there either. Click a heading to sort.</p>"""

PROGRESS = '<section><h2>Hypervolume by trial</h2><div id="progress" class="plot"></div></section>'

PARALLEL = """
<section><h2>Params and objectives of the members</h2><div id="parallel" class="plot"></div>
<p class="small">One line a member, the knee thicker. On the shaded axes better is higher; a line passes an axis
without a dot where its member has no such param.</p></section>"""

STYLE = """
:root{color-scheme:light}
body{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;color:#1F2933;background:#fff;
margin:0 auto;padding:18px 22px 40px;max-width:1280px}
h1{font-size:24px;margin:0;overflow-wrap:anywhere}h2{font-size:16px;margin:26px 0 8px}
p{margin:4px 0}.lead{font-size:15px}.small{font-size:12px;color:#5B6770}
.warning{background:#FFF4E5;border-left:4px solid #D55E00;padding:8px 12px;margin:12px 0}
.scroll{overflow:auto;max-height:560px;border:1px solid #E4E8EC;border-radius:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 9px;text-align:left;vertical-align:top;border-bottom:1px solid #EEF1F4}
th{background:#F4F6F8;font-weight:600;font-size:12px;position:sticky;top:0;z-index:1}
#members th{cursor:pointer;user-select:none}#members th[aria-sort=ascending]::after{content:" \\25B2"}
#members th[aria-sort=descending]::after{content:" \\25BC"}
td.number,th.number{text-align:right}td.number,td.id{white-space:nowrap}
td .report{display:block;font-size:12px;color:#5B6770}
td.params{font-size:12px;color:#3E4C59;min-width:250px;overflow-wrap:anywhere}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:6px}
.mark{display:inline-block;background:#E8F1F8;border-radius:9px;padding:0 8px;margin:0 4px 2px 0;font-size:12px}
.mark.knee{background:#1F2933;color:#fff}
tr.lit td{background:#FFF8DB}.plot{width:100%}.key b{font-weight:600}
"""

SCRIPT = """
"use strict";
const figures = JSON.parse(document.getElementById("data").textContent);
const rows = new Map([...document.querySelectorAll("#members tbody tr")].map(row => [row.dataset.id, row]));
const plots = {};
const linked = ["front", "parallel"].filter(name => name in figures);
function idOf(point) { return point && point.customdata ? point.customdata[0] : null; }
function where(plot) {
  const places = new Map();
  plot.data.forEach(trace => {
    if (!trace.customdata || trace.meta === "echo") return;
    trace.customdata.forEach((entry, i) => {
      const id = entry[0], axes = (trace.xaxis || "x") + (trace.yaxis || "y");
      if (!places.has(id)) places.set(id, new Map());
      if (!places.get(id).has(axes)) places.get(id).set(axes, {x: [], y: []});
      const at = places.get(id).get(axes);
      at.x.push(trace.x[i]); at.y.push(trace.y[i]);
    });
  });
  return places;
}
let lit = null;
function light(id) {
  if (id === lit) return;
  if (rows.has(lit)) rows.get(lit).classList.remove("lit");
  lit = id;
  if (rows.has(id)) rows.get(id).classList.add("lit");
  for (const name of linked) {
    const {plot, places, highlights} = plots[name];
    const found = places.get(id);
    const at = highlights.map(index => {
      const trace = plot.data[index];
      return found && found.get((trace.xaxis || "x") + (trace.yaxis || "y")) || {x: [], y: []};
    });
    if (highlights.length) Plotly.restyle(plot, {x: at.map(each => each.x), y: at.map(each => each.y)}, highlights);
  }
}
const ready = Object.keys(figures).map(name => {
  const element = document.getElementById(name);
  const {data, layout} = figures[name];
  return Plotly.newPlot(element, data, layout, {displayModeBar: false, responsive: true}).then(plot => {
    const highlights = plot.data.map((trace, i) => trace.meta === "highlight" ? i : -1).filter(i => i >= 0);
    plots[name] = {plot, places: where(plot), highlights};
  });
});
Promise.all(ready).then(() => {
  for (const name of linked) {
    const plot = plots[name].plot;
    plot.on("plotly_hover", event => light(idOf(event.points[0])));
    plot.on("plotly_unhover", () => light(null));
    plot.on("plotly_click", event => {
      const row = rows.get(idOf(event.points[0]));
      if (row) row.scrollIntoView({block: "center", behavior: "smooth"});
    });
  }
  for (const [id, row] of rows) {
    row.addEventListener("mouseenter", () => light(id));
    row.addEventListener("mouseleave", () => light(null));
  }
  document.body.dataset.drawn = Object.keys(figures).length;
});
const headings = [...document.querySelectorAll("#members th")];
headings.forEach((heading, column) => heading.addEventListener("click", () => {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  headings.forEach(each => each.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = row => row.cells[column].dataset.value;
  const body = document.querySelector("#members tbody");
  const order = (a, b) => heading.classList.contains("number") ? value(a) - value(b) : value(a).localeCompare(value(b));
  [...body.rows].sort((a, b) => ascending ? order(a, b) : order(b, a)).forEach(row => body.append(row));
}));
"""
