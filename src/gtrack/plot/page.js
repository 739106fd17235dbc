"use strict";
// The page of `gtrack plot -o curves.html`. Text from runs goes into the page as text only, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const hidden = new Set();
const HEIGHT = 340, LEFT = 64, RIGHT = 12, TOP = 10, BOTTOM = 38;
const weight = document.getElementById("weight"), log = document.getElementById("log");

function make(tag, attributes, parent, text) {
  const html = /^(section|h2|small|div|span|b|button|p)$/.test(tag);
  const node = html ? document.createElement(tag) : document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

// The debiased moving average of gtrack.plot.smoothing; gaps stay gaps.
function smooth(values, w) {
  let sum = 0, weights = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * w + value;
    weights = weights * w + 1;
    return sum / weights;
  });
}

// The line of a series as [x, y]. A long series is smoothed by its means, each of which stands for `per` points.
function lineOf(series) {
  const w = Number(weight.value);
  if (!w) return [series.x, series.y];
  const from = series.means || series;
  return [from.x, smooth(from.y, Math.pow(w, from.per || 1))];
}

function write(value) {
  if (value === null || value === undefined) return "-";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(3);
  return String(Number(value.toPrecision(6)));
}

function writeTime(seconds, span) {
  const text = new Date(seconds * 1000).toISOString();
  return span > 86400 * 5 ? text.slice(0, 10) : span > 86400 ? text.slice(5, 16).replace("T", " ") : text.slice(11, 19);
}

function steps(low, high, count, time) {
  const least = (high - low) / count;
  const power = Math.pow(10, Math.floor(Math.log10(least)));
  const round = time && least > 1
    ? [2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200].find((s) => s >= least)
      || 86400 * Math.ceil(least / 86400)
    : [1, 2, 5, 10].map((f) => f * power).find((s) => s >= least * 0.999);
  const out = [];
  for (let n = Math.ceil(low / round); n * round <= high && out.length < 100; n++) out.push(n * round);
  return out;
}

function powers(low, high) {
  const out = [];
  const stride = Math.max(1, Math.ceil(Math.log10(high / low) / 8));
  const between = Math.log10(high / low) < 2 ? [1, 2, 5] : [1];
  for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p += stride)
    for (const f of between) if (f * 10 ** p >= low && f * 10 ** p <= high) out.push(f * 10 ** p);
  return out;
}

function ends(values, fallback) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (value !== null) { if (value < low) low = value; if (value > high) high = value; }
  if (low > high) return fallback;
  if (high - low > Math.max(Math.abs(low), Math.abs(high)) * 1e-12) return [low, high];
  const margin = Math.abs(low) * 0.1 || 1;
  return [log.checked ? low / 1.1 : low - margin, high + margin];
}

class Chart {
  constructor(chart, parent) {
    this.chart = chart;
    this.zoom = null;
    this.section = make("section", {}, parent);
    const head = make("h2", {}, this.section, chart.metric);
    if (chart.note) make("small", {}, head, " " + chart.note);
    this.svg = make("svg", { class: "plot", role: "img", "aria-label": chart.metric }, this.section);
    this.tip = make("div", { class: "tip", hidden: "" }, this.section);
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointerleave", () => this.leave());
    this.svg.addEventListener("dblclick", () => { this.zoom = null; this.draw(); });
    new ResizeObserver(() => this.draw()).observe(this.section);
  }

  draw() {
    this.leave();
    this.svg.replaceChildren();
    this.width = this.section.clientWidth;
    this.lines = this.chart.series.filter((one) => !hidden.has(one.run)).map((one) => [one, ...lineOf(one)]);
    this.x = this.zoom || ends(this.lines.flatMap(([, x]) => ends(x, [])), [0, 1]);
    const inside = this.lines.flatMap(([, x, y]) => {
      const kept = y.filter((v, i) => v !== null && x[i] >= this.x[0] && x[i] <= this.x[1] && (!log.checked || v > 0));
      return ends(kept, []);
    });
    this.y = ends(inside, log.checked ? [1, 10] : [0, 1]);
    const margin = log.checked ? Math.pow(this.y[1] / this.y[0], 0.03) : (this.y[1] - this.y[0]) * 0.03;
    this.y = log.checked ? [this.y[0] / margin, this.y[1] * margin] : [this.y[0] - margin, this.y[1] + margin];
    this.axes();
    if (!inside.length) make("text", { x: LEFT + 12, y: TOP + 20 }, this.svg, "nothing here; double-click to see all");
    const clip = "clip" + data.charts.indexOf(this.chart);
    make("rect", { x: LEFT, y: 0, width: this.right() - LEFT, height: HEIGHT - BOTTOM + 2 },
      make("clipPath", { id: clip }, make("defs", {}, this.svg)));
    const group = make("g", { "clip-path": `url(#${clip})`, fill: "none", "stroke-linejoin": "round" }, this.svg);
    for (const [one, x, y] of [...this.lines].reverse()) this.line(group, one, x, y);
    this.over = make("g", {}, this.svg);
  }

  line(group, one, x, y) {
    const { colour, dash } = data.runs[one.run];
    if (one.band) {
      const { x: places, low, high } = one.band, kept = places.map((_, i) => i).filter((i) => low[i] !== null);
      const edge = [...kept.map((i) => [places[i], high[i]]), ...kept.reverse().map((i) => [places[i], low[i]])];
      make("polygon", { points: edge.map(([a, b]) => `${this.across(a)},${this.up(b)}`).join(" "), fill: colour,
        opacity: 0.15 }, group);
    }
    if (y !== one.y) this.path(group, one.x, one.y, { stroke: colour, opacity: 0.25 });
    this.path(group, x, y, { stroke: colour, "stroke-width": 1.8, "stroke-dasharray": dash });
  }

  path(group, x, y, attributes) {
    const shown = (i) => i < x.length && y[i] !== null && !(log.checked && y[i] <= 0);
    let line = "", dots = "", drawing = false;
    for (let i = 0; i < x.length; i++) {
      if (!shown(i)) { drawing = false; continue; }
      const place = `${this.across(x[i]).toFixed(1)} ${this.up(y[i]).toFixed(1)}`;
      // A point between two gaps is a line of no length, which round ends make a dot.
      if (!drawing && !shown(i + 1)) dots += `M${place}h0`;
      else line += (drawing ? "L" : "M") + place;
      drawing = true;
    }
    const round = { "stroke-linecap": "round", ...attributes };
    if (line) make("path", { ...round, d: line }, group);
    if (dots) make("path", { ...round, d: dots, "stroke-width": 6, "stroke-dasharray": "" }, group);
  }

  axes() {
    const span = this.x[1] - this.x[0];
    for (const value of log.checked ? powers(...this.y) : steps(...this.y, 6)) {
      make("line", { class: "grid", x1: LEFT, x2: this.right(), y1: this.up(value), y2: this.up(value) }, this.svg);
      make("text", { x: LEFT - 6, y: this.up(value) + 4, "text-anchor": "end" }, this.svg, write(value));
    }
    for (const value of steps(...this.x, Math.max(2, this.width / 130), this.chart.time)) {
      const text = this.chart.time ? writeTime(value, span) : write(value);
      make("line", { class: "grid", x1: this.across(value), x2: this.across(value), y1: TOP, y2: HEIGHT - BOTTOM }, this.svg);
      make("text", { x: this.across(value), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, this.svg, text);
    }
    make("text", { x: this.right(), y: HEIGHT - 6, "text-anchor": "end" }, this.svg, this.chart.x_label);
  }

  right() { return this.width - RIGHT; }
  across(x) { return LEFT + (x - this.x[0]) / (this.x[1] - this.x[0]) * (this.right() - LEFT); }
  back(px) { return this.x[0] + (px - LEFT) / (this.right() - LEFT) * (this.x[1] - this.x[0]); }
  up(y) {
    const part = log.checked ? Math.log(y / this.y[0]) / Math.log(this.y[1] / this.y[0])
      : (y - this.y[0]) / (this.y[1] - this.y[0]);
    return Math.max(-1e5, Math.min(1e5, HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)));
  }

  press(event) {
    this.from = event.offsetX;
    this.svg.setPointerCapture(event.pointerId);
  }

  release(event) {
    const [a, b] = [this.back(this.from), this.back(event.offsetX)].sort((p, q) => p - q);
    if (this.from !== undefined && Math.abs(event.offsetX - this.from) > 5) {
      this.zoom = [Math.max(a, this.x[0]), Math.min(b, this.x[1])];
      this.draw();
    }
    this.from = undefined;
  }

  move(event) {
    this.over.replaceChildren();
    if (this.from !== undefined && Math.abs(event.offsetX - this.from) > 5)
      make("rect", { class: "zoom", x: Math.min(this.from, event.offsetX), width: Math.abs(event.offsetX - this.from),
        y: TOP, height: HEIGHT - BOTTOM - TOP }, this.over);
    this.hover(this.back(event.offsetX), event);
  }

  hover(wanted, event) {
    const near = this.lines.map(([one, x, y]) => {
      let best = -1;
      for (let i = 0; i < x.length; i++)
        if (y[i] !== null && (best < 0 || Math.abs(x[i] - wanted) < Math.abs(x[best] - wanted))) best = i;
      return best < 0 ? null : { one, x: x[best], y: y[best], reach: ends(x, [0, 0]) };
    }).filter((found) => found && found.x >= this.x[0] && found.x <= this.x[1]);
    if (!near.length) { this.tip.hidden = true; return; }
    const place = near.reduce((p, q) => (Math.abs(q.x - wanted) < Math.abs(p.x - wanted) ? q : p)).x;
    const at = this.across(place);
    make("line", { class: "cross", x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM }, this.over);
    const shown = this.chart.time ? new Date(place * 1000).toISOString().slice(0, 19).replace("T", " ") : write(place);
    this.tip.replaceChildren(make("div", { class: "note" }, null, `${this.chart.x_label} ${shown}`));
    // Not the end of a line that stopped long before.
    const here = near.filter(({ x, reach }) => (reach[0] <= place && place <= reach[1]) || Math.abs(this.across(x) - at) < 20);
    for (const { one, x, y } of here.sort((p, q) => q.y - p.y).slice(0, 20)) {
      if (!log.checked || y > 0)
        make("circle", { cx: this.across(x), cy: this.up(y), r: 3.5, fill: data.runs[one.run].colour }, this.over);
      const row = make("div", {}, this.tip);
      key(row, one.run);
      make("span", {}, row, one.label);
      make("b", {}, row, write(y));
    }
    this.tip.hidden = false;
    const room = this.width - this.tip.offsetWidth;
    this.tip.style.left = `${at + 14 > room ? Math.max(0, at - 14 - this.tip.offsetWidth) : at + 14}px`;
    const below = Math.max(0, Math.min(event.offsetY + 10, HEIGHT - this.tip.offsetHeight));
    const head = this.svg.getBoundingClientRect().top - this.section.getBoundingClientRect().top;
    this.tip.style.top = `${head + below}px`;
  }

  leave() {
    this.tip.hidden = true;
    if (this.over) this.over.replaceChildren();
  }
}

function key(parent, run) {
  const { colour, dash } = data.runs[run];
  const svg = make("svg", { width: 22, height: 12, "aria-hidden": "true" }, parent);
  make("line", { x1: 1, x2: 21, y1: 6, y2: 6, stroke: colour, "stroke-width": 3, "stroke-dasharray": dash }, svg);
}

const charts = data.charts.map((chart) => new Chart(chart, document.getElementById("charts")));
const redraw = () => {
  document.getElementById("shown").value = Number(weight.value).toFixed(2);
  for (const chart of charts) chart.draw();
};
data.runs.forEach(({ label }, run) => {
  const button = make("button", { type: "button", "aria-pressed": "true", title: label }, document.getElementById("runs"));
  key(button, run);
  make("span", {}, button, label);
  button.addEventListener("click", () => {
    if (!hidden.delete(run)) hidden.add(run);
    button.setAttribute("aria-pressed", String(!hidden.has(run)));
    redraw();
  });
});
weight.value = data.weight;
log.checked = data.log;
weight.addEventListener("input", redraw);
log.addEventListener("change", redraw);
redraw();
