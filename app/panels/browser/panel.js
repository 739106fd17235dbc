/* One panel: a figure, its plot as long as it is near the screen, and its buttons. */

import { curvesOf, fitted } from "./curves.js";
import { button, element } from "./dom.js";
import { brushed, hiddenRuns, idsOf, toData, toRange, zoomed } from "./gestures.js";
import { same } from "./payload.js";
import { saveAs } from "./pictures.js";
import { coloured } from "./theme.js";

const EXPAND = "M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5l-4.5 4.5M2.5 13.5l4.5-4.5";
const PICTURE = "M2.5 3h11v10h-11zM2.5 11l3.5-4 3 3.5 1.5-1.5 3 3M10.5 6h.01";
const VECTOR = "M3 13C3 6 13 10 13 3M1.5 11.5h3v3h-3zM11.5 1.5h3v3h-3z";
const RESET = "M3 8a5 5 0 1 0 1.6-3.7M3 2.5v3h3";
const WEBGL = new Set(["parcoords", "splom", "scattergl", "scatter3d", "surface"]);
const CONFIG = { displayModeBar: false, displaylogo: false, doubleClick: false, responsive: false, showTips: false };
const LONG = 500;
const STILL = 4; // pixels that a click may move
const CLICK = 280; // milliseconds in which a second click makes it a double click

export class Panel {
  /**
   * @param {object} grid what the panel is part of
   * @param {object} figure
   */
  constructor(grid, figure) {
    this.grid = grid;
    this.drawn = false;
    this.visible = false;
    this.expanded = false;
    this.views = {}; // the ranges that somebody zoomed to, as plotly.js writes them, of the axes that are not shared
    this.curves = [];
    this.build();
    this.take(figure);
  }

  build() {
    this.root = element("figure", "gtrack-panel");
    this.title = element("span", "gtrack-title");
    const tools = element("span", "gtrack-tools");
    tools.append(
      button("Reset the zoom", RESET, () => this.grid.reset(this)),
      button("Save as PNG", PICTURE, () => saveAs(this, "png")),
      button("Save as SVG", VECTOR, () => saveAs(this, "svg")),
      this.expander = button("Expand", EXPAND, () => this.grid.toggle(this)),
    );
    const caption = element("figcaption");
    caption.append(this.title, tools);
    this.plot = element("div", "gtrack-plot");
    this.plot.setAttribute("role", "img");
    this.note = element("p", "gtrack-note");
    this.overlay = overlay();
    const stage = element("div", "gtrack-stage");
    stage.append(this.plot, this.overlay);
    this.root.append(caption, stage, this.note);
    this.listen();
  }

  /** Take a figure, which may be a newer one of the same id; return whether anything about it is new. */
  take(figure) {
    this.figure = figure;
    this.root.dataset.panel = figure.id;
    this.root.classList.toggle("gtrack-wide", figure.wide);
    this.title.textContent = figure.title;
    this.title.title = cut(figure.title);
    this.note.textContent = figure.note;
    this.note.title = cut(figure.note);
    this.plot.setAttribute("aria-label", [cut(figure.title), cut(figure.note)].filter(Boolean).join(". "));
    this.root.style.setProperty("--gtrack-height", `${figure.height ?? this.grid.height}px`);
    this.webgl = figure.traces.some((trace) => WEBGL.has(trace.type));
    this.stale = true;
  }

  /** Draw what is new; what is drawn stays, with its zoom. */
  draw() {
    const { Plotly } = this.grid;
    if (!Plotly || !this.stale) return;
    this.stale = false;
    const first = !this.drawn;
    this.drawn = true;
    this.curves = curvesOf(this.figure);
    this.marks = null;
    try {
      Plotly.react(this.plot, coloured(this.figure.traces, this.grid.theme), this.layout(), CONFIG);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (first) this.follow();
    const count = first ? "draws" : "updates";
    this.root.dataset[count] = Number(this.root.dataset[count] ?? 0) + 1;
    this.root.dataset.state = "drawn";
    this.run = null;
    this.grid.cursor.again();
  }

  fail(error) {
    console.error(error);
    this.purge();
    this.root.dataset.state = "failed";
    this.plot.textContent = "This figure cannot be drawn.";
  }

  /** Give back what the plot takes; it is drawn anew when it comes near. */
  purge() {
    if (!this.drawn) return;
    this.grid.Plotly.purge(this.plot);
    this.plot.textContent = "";
    this.overlay.hidden = true;
    this.drawn = false;
    this.stale = true;
    this.marks = null;
    this.root.dataset.state = "waiting";
  }

  /** Return the figure's layout with the theme's template and what somebody zoomed to. */
  layout() {
    const own = coloured(this.figure.layout, this.grid.theme);
    const layout = { ...own, template: this.grid.template, uirevision: this.figure.id, autosize: true };
    if (this.curves.length) {
      layout.hovermode = false; // the cursor is ours
      for (const [axis, count] of Object.entries(this.ticks())) layout[axis] = { nticks: count, ...layout[axis] };
    } else {
      layout.hovermode ??= "closest";
    }
    const range = this.range();
    const views = { ...this.views };
    const x = range && toRange(this.type("xaxis"), range);
    if (x) {
      views.xaxis = x;
      views.yaxis ??= this.fit(range);
    }
    for (const [axis, shown] of Object.entries(views)) {
      if (shown) layout[axis] = { ...layout[axis], range: [...shown], autorange: false };
    }
    return layout;
  }

  /** Return how many ticks have room; axes of categories name all of theirs. */
  ticks() {
    const apart = this.type("xaxis") === "date" ? 75 : 50;
    const count = (size, each) => Math.min(12, Math.max(3, Math.floor(size / each)));
    return { xaxis: count(this.plot.clientWidth, apart), yaxis: count(this.plot.clientHeight, 38) };
  }

  /** The range of x that is zoomed to, in the data's unit: the axis's, for all panels that share it. */
  range() {
    return this.grid.ranges.get(this.axisKey) ?? null;
  }

  get axisKey() {
    return `${this.grid.page} ${this.figure.axis === null ? `panel ${this.figure.id}` : `axis ${this.figure.axis}`}`;
  }

  type(axis) {
    return this.plot._fullLayout?.[axis]?.type ?? this.figure.layout[axis]?.type ?? "linear";
  }

  /** Return the range of y for what is between two values of x; null to leave it as the figure has it. */
  fit(range) {
    return this.figure.layout.yaxis?.range || !this.curves.length ? null : fitted(this.figure, range);
  }

  /** Return plotly.js's axes, which know where a value is on the screen. */
  axes() {
    const { xaxis: x, yaxis: y } = this.plot._fullLayout ?? {};
    return x?.c2p && y?.c2p ? { x, y } : null;
  }

  /** Show the range of x that the panel's axis has now. */
  zoom() {
    if (!this.drawn) return;
    const range = this.range();
    const x = range && toRange(this.type("xaxis"), range);
    const changes = {};
    if (x) Object.assign(changes, { "xaxis.range": x });
    else Object.assign(changes, this.home("xaxis"));
    const y = this.views.yaxis ?? (x ? this.fit(range) : null);
    if (y) Object.assign(changes, { "yaxis.range": y });
    else if (!this.views.yaxis && this.plot._fullLayout?.yaxis) Object.assign(changes, this.home("yaxis"));
    this.relayout(changes);
  }

  /** Return the change that brings an axis back to what the figure says of it. */
  home(axis) {
    if (!this.plot._fullLayout?.[axis]) return {};
    const own = this.figure.layout[axis];
    return own?.range ? { [`${axis}.range`]: [...own.range] } : { [`${axis}.autorange`]: own?.autorange ?? true };
  }

  relayout(changes) {
    if (!Object.keys(changes).length) return;
    this.ours = (this.ours ?? 0) + 1;
    Promise.resolve(this.grid.Plotly.relayout(this.plot, changes)).finally(() => {
      this.ours -= 1;
    });
  }

  /** Forget what somebody zoomed to here, along y and along x where that is this panel's own affair. */
  forget() {
    const axes = Object.keys(this.views);
    this.views = {};
    this.relayout(Object.assign({}, ...axes.map((axis) => this.home(axis))));
  }

  /** Adapt the plot to its place. */
  resize() {
    const { width, height } = this.plot._fullLayout ?? {};
    const { clientWidth, clientHeight } = this.plot;
    if (!this.drawn || !clientWidth || (clientWidth === width && clientHeight === height)) return;
    const ticks = this.curves.length ? Object.entries(this.ticks()) : [];
    const free = ticks.filter(([axis]) => this.figure.layout[axis]?.nticks === undefined);
    this.relayout({ autosize: true, ...Object.fromEntries(free.map(([axis, count]) => [`${axis}.nticks`, count])) });
  }

  /** Listen to plotly.js, which forgets its listeners when a plot is purged. */
  follow() {
    const { outbox } = this.grid;
    const panel = this.figure.id;
    this.plot.on("plotly_relayout", (event) => !this.ours && this.moved(event));
    this.plot.on("plotly_relayouting", (event) => {
      const axis = this.plot._fullLayout.xaxis;
      const x = this.ours ? undefined : zoomed(event, "xaxis");
      // While a box is drawn, the event tells its range as well, but the plot does not move yet.
      if (x && this.curves.length && same(x, axis.range)) this.grid.pan(this, toData(axis, x));
    });
    this.plot.on("plotly_doubleclick", () => {
      clearTimeout(this.clicking);
      this.grid.reset(this);
      return false;
    });
    this.plot.on("plotly_click", ({ points }) => outbox.put({ kind: "click", panel, ids: idsOf(points) }));
    this.plot.on("plotly_selected", (chosen) => chosen && outbox.put({ kind: "select", panel, ids: idsOf(chosen.points) }));
    this.plot.on("plotly_deselect", () => outbox.put({ kind: "select", panel, ids: [] }));
    this.plot.on("plotly_restyle", () => {
      const parallel = this.plot.data.find((trace) => trace.type === "parcoords");
      if (parallel) outbox.put({ kind: "brush", panel, ...brushed(parallel) });
      else outbox.put({ kind: "hidden", panel, ids: hiddenRuns(this.plot.data) });
      this.grid.cursor.again();
    });
  }

  /** Keep what somebody zoomed to, and let the others of the axis follow. */
  moved(event) {
    for (const name of Object.keys(this.plot._fullLayout)) {
      if (!/^[xy]axis\d*$/.test(name) || name === "xaxis") continue;
      const range = zoomed(event, name);
      if (range) this.views[name] = range;
      else if (range === null) delete this.views[name];
    }
    const range = zoomed(event, "xaxis");
    if (range === undefined) return;
    this.grid.setRange(this, range && toData(this.plot._fullLayout.xaxis, range));
  }

  /** Listen to the pointer: over curves it is ours. */
  listen() {
    let down = null;
    this.plot.addEventListener("pointermove", (event) => {
      if (!this.curves.length) return;
      if (event.buttons && event.pointerType === "mouse") this.grid.cursor.leave();
      else this.grid.cursor.move(this, event.clientX, event.clientY);
    });
    this.plot.addEventListener("pointerleave", () => this.grid.cursor.leave());
    this.plot.addEventListener("pointerdown", (event) => {
      const { meant } = this.grid.cursor; // as it is now: plotly.js covers the plot while a button is down
      down = { x: event.clientX, y: event.clientY, run: meant?.panel === this ? meant.run : null };
      if (event.pointerType === "touch" && this.curves.length) this.grid.cursor.move(this, event.clientX, event.clientY);
    }, { capture: true });
    const up = (event) => {
      const still = down && Math.hypot(event.clientX - down.x, event.clientY - down.y) < STILL;
      const run = down?.run ?? null;
      down = null;
      clearTimeout(this.clicking);
      if (!still || run === null) return;
      this.clicking = setTimeout(() => this.grid.outbox.put({ kind: "click", panel: this.figure.id, ids: [run] }), CLICK);
    };
    window.addEventListener("pointerup", up, { capture: true, signal: this.grid.signal });
  }

  /** Let the curves of other runs fade; none fades for runs that have no curve here. One id or several; null for none. */
  emphasise(run) {
    if (run === this.run) return;
    this.run = run;
    this.marks ??= [...this.plot.querySelectorAll(".scatterlayer > .trace")].map((node) => {
      const trace = node.__data__?.[0]?.trace; // d3 keeps with a node what it was drawn from
      return { node, runs: trace?.meta?.runs ?? [trace?.meta?.run] };
    });
    const wanted = new Set(run === null ? [] : [run].flat());
    const meant = this.marks.filter((mark) => mark.runs.some((id) => wanted.has(id)));
    for (const mark of this.marks) mark.node.classList.toggle("gtrack-faded", meant.length > 0 && !meant.includes(mark));
  }

  hidden(curve) {
    const visible = this.plot._fullData?.[curve.index]?.visible;
    return visible === "legendonly" || visible === false;
  }

  colourOf(curve) {
    const trace = this.plot._fullData?.[curve.index];
    return trace?.line?.color ?? trace?.marker?.color ?? this.grid.theme.text;
  }

  /** Leave nothing behind. */
  close() {
    clearTimeout(this.clicking);
    this.purge();
    this.root.remove();
  }
}

/** What is said aloud, or shown at the pointer, has an end. */
function cut(text) {
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text;
}

function overlay() {
  const made = element("div", "gtrack-overlay");
  made.setAttribute("aria-hidden", "true");
  made.hidden = true;
  made.line = element("div", "gtrack-line");
  made.dots = element("div", "gtrack-dots");
  made.readout = element("div", "gtrack-readout");
  made.readout.heading = element("p");
  made.readout.rows = element("div");
  made.readout.more = element("p");
  made.readout.append(made.readout.heading, made.readout.rows, made.readout.more);
  made.append(made.line, made.dots, made.readout);
  return made;
}
