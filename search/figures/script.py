"""The script of the html page: it links the figures to the table, keeps limits, and follows the keyboard.

Regrets are those of `search pick --regret`: scaled by the whole front, with a twentieth of the sum to break ties.
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
const members = [...rows.values()];
const columns = [...document.querySelectorAll("#choice input")].map(input => {
  const of = row => input.dataset.sign * row.cells[input.dataset.column].dataset.value;
  const all = members.map(of), best = Math.min(...all);
  return {input, of, best, width: Math.max(...all) - best || 1};
});
let selected = null, bright = new Set(rows.keys());
function within(row) {
  return columns.every(({input, of}) => input.value === "" || of(row) <= input.dataset.sign * input.value)
    && (!selected || selected.has(row.dataset.id));
}
function regret(row) {
  const scaled = columns.map(({of, best, width}) => (of(row) - best) / width);
  return Math.max(...scaled) + 0.05 * scaled.reduce((sum, each) => sum + each, 0);
}
function choose() {
  const kept = members.filter(within), ids = new Set(kept.map(row => row.dataset.id));
  members.forEach(row => row.classList.toggle("out", !ids.has(row.dataset.id)));
  const found = document.getElementById("kept"), least = document.getElementById("least");
  if (!found) return;
  found.textContent = kept.length + " of " + members.length + " members.";
  const best = kept.reduce((a, b) => a === null || regret(b) < regret(a) ? b : a, null);
  least.textContent = best ? best.dataset.id : "none";
  if (ids.size === bright.size && [...ids].every(id => bright.has(id))) return;
  bright = ids;
  for (const name of linked) {
    const {plot, shown} = plots[name];
    if (!shown.length) continue;
    const faint = shown.map(({index, opacity}) =>
      plot.data[index].customdata.map((entry, i) => opacity[i] * (ids.has(entry[0]) ? 1 : 0.12)));
    Plotly.restyle(plot, {"marker.opacity": faint}, shown.map(each => each.index));
    const lines = shown.filter(each => each.line !== null);
    if (lines.length) Plotly.restyle(plot, {opacity: lines.map(({index, line}) =>
      line * (ids.has(plot.data[index].customdata[0][0]) ? 1 : 0.1))}, lines.map(each => each.index));
  }
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
    const shown = plot.data.map((trace, index) => ({
      index, line: trace.mode === "lines+markers" ? trace.opacity : null,
      opacity: (trace.customdata || []).map((_, i) => [trace.marker.opacity].flat()[i] ?? 1),
    })).filter(each => each.opacity.length);
    plots[name] = {plot, places: where(plot), highlights, shown};
  });
});
Promise.all(ready).then(() => {
  for (const name of linked) {
    const plot = plots[name].plot;
    plot.on("plotly_hover", event => light(idOf(event.points[0])));
    plot.on("plotly_unhover", () => light(null));
    plot.on("plotly_selected", event => {
      selected = event && event.points.length ? new Set(event.points.map(idOf).filter(id => id)) : null;
      choose();
    });
    plot.on("plotly_deselect", () => { selected = null; choose(); });
    plot.on("plotly_click", event => {
      const row = rows.get(idOf(event.points[0]));
      if (row) row.scrollIntoView({block: "center", behavior: "smooth"});
    });
  }
  for (const [id, row] of rows) {
    row.addEventListener("mouseenter", () => light(id));
    row.addEventListener("mouseleave", () => light(null));
    row.addEventListener("focus", () => light(id));
    row.addEventListener("blur", () => light(null));
    row.addEventListener("keydown", event => {
      const to = {ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling}[event.key];
      if (to) { to.focus(); event.preventDefault(); }
    });
  }
  const form = document.querySelector("#choice form");
  if (form) {
    form.addEventListener("input", choose);
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("reset", () => { selected = null; setTimeout(() => { drag(); choose(); }); });
    const drag = () => {
      const dragmode = document.getElementById("drag").value;
      Plotly.relayout(plots.front.plot, {dragmode, selections: []});
    };
    document.getElementById("drag").addEventListener("change", drag);
    document.getElementById("least").addEventListener("click", event => {
      const row = rows.get(event.target.textContent);
      if (row) { row.focus(); event.preventDefault(); }
    });
    drag();
    choose();
  }
  document.body.dataset.drawn = Object.keys(figures).length;
});
const headings = [...document.querySelectorAll("#members th")];
headings.forEach((heading, column) => {
  heading.addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === " ") { sort(heading, column); event.preventDefault(); }
  });
  heading.addEventListener("click", () => sort(heading, column));
});
function sort(heading, column) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  headings.forEach(each => each.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = row => row.cells[column].dataset.value;
  const body = document.querySelector("#members tbody");
  const order = (a, b) => heading.classList.contains("number") ? value(a) - value(b) : value(a).localeCompare(value(b));
  [...body.rows].sort((a, b) => ascending ? order(a, b) : order(b, a)).forEach(row => body.append(row));
}
"""
