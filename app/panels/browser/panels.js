/* The grid of panels: a Streamlit component's code (https://docs.streamlit.io/develop/concepts/custom-components). */

import { Cursor } from "./cursor.js";
import { element, scroller } from "./dom.js";
import { Outbox } from "./outbox.js";
import { Panel } from "./panel.js";
import { decode, same } from "./payload.js";
import { templateOf, themeOf } from "./theme.js";
import { everyPanel, hear, join, part, ranges, tell } from "./together.js";

const NEAR = 300; // pixels around the screen within which panels are drawn
const FAR = 3000; // and beyond which they are given back; what WebGL draws at once, of which a browser has few
const BUDGET = 12; // milliseconds of drawing in one frame
const grids = new WeakMap();

/**
 * Draw, or draw again: Streamlit calls this for every run of the page, and when the theme changes.
 * @returns {Promise<() => void>} what to call when the component leaves the page
 */
export async function mount(component) {
  await styled();
  const place = component.parentElement;
  let grid = grids.get(place);
  if (!grid) {
    grid = new Grid(place);
    grids.set(place, grid);
  }
  const turn = grid.update(component);
  return () => {
    if (grid.turn !== turn) return; // a call that was overtaken by a later one ends nothing
    grids.delete(place);
    grid.close();
  };
}

class Grid {
  constructor(place) {
    this.turn = 0;
    this.panels = new Map();
    this.ranges = ranges;
    this.page = window.location.pathname;
    this.queue = new Set();
    this.outbox = new Outbox();
    this.cursor = new Cursor(this);
    this.aborter = new AbortController();
    this.signal = this.aborter.signal;
    this.root = element("div", "gtrack-panels");
    this.dialog = element("dialog", "gtrack-dialog");
    this.dialog.addEventListener("close", () => this.collapse());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    place.append(this.root, this.dialog);
    // The legend of a page tells which run is pointed at there.
    const emphasise = ({ detail }) => this.panels.forEach((panel) => panel.emphasise(detail));
    window.addEventListener("gtrack-emphasise", emphasise, { signal: this.signal });
    this.observe(place);
    join(this);
  }

  observe(place) {
    const root = scroller(place);
    const watch = (margin, action) => new IntersectionObserver((entries) => entries.forEach((entry) => {
      const panel = this.panels.get(entry.target.dataset.panel);
      if (panel && !panel.expanded) action(panel, entry.isIntersecting);
    }), { root, rootMargin: `${margin}px 0px` });
    this.near = watch(NEAR, (panel, inside) => {
      panel.visible = inside;
      if (inside) this.want(panel);
      else if (panel.webgl) panel.purge();
    });
    this.far = watch(FAR, (panel, inside) => !inside && panel.purge());
    const resized = new Set();
    this.sizes = new ResizeObserver((entries) => {
      for (const { target } of entries) resized.add(target.closest(".gtrack-panel")?.dataset.panel);
      requestAnimationFrame(() => {
        for (const id of resized) this.panels.get(id)?.resize();
        resized.clear();
      });
    });
  }

  /** Take what the page sends; return the number of this turn. */
  update({ data, setTriggerValue }) {
    this.turn += 1;
    const theme = themeOf(this.root);
    const newTheme = !same(theme, this.theme ?? null);
    if (newTheme) Object.assign(this, { theme, template: templateOf(theme) });
    if (data !== this.data) {
      this.data = data;
      this.take(decode(data));
    }
    this.outbox.send = (event) => setTriggerValue("event", event);
    if (newTheme) for (const panel of this.panels.values()) panel.stale = true;
    for (const panel of this.panels.values()) if (panel.visible || panel.expanded) this.want(panel);
    return this.turn;
  }

  take({ figures, columns, height, events, ranges: stated, plotly }) {
    this.height = height;
    this.outbox.wanted = new Set(events);
    this.root.style.setProperty("--gtrack-columns", columns);
    this.load(plotly);
    const moved = stated ? hear(this.page, stated) : [];
    for (const panel of everyPanel()) if (moved.includes(panel.axisKey)) this.bring(panel);
    const ids = new Set(figures.map((figure) => figure.id));
    for (const [id, panel] of this.panels) if (!ids.has(id)) this.remove(panel);
    let before = null;
    for (const figure of figures) {
      const panel = this.panels.get(figure.id) ?? this.add(figure);
      if (!same(panel.figure, figure)) panel.take(figure);
      if (panel.expanded) continue;
      const next = before ? before.nextSibling : this.root.firstChild;
      if (next !== panel.root) this.root.insertBefore(panel.root, next);
      before = panel.root;
    }
  }

  add(figure) {
    const panel = new Panel(this, figure);
    this.panels.set(figure.id, panel);
    this.root.append(panel.root);
    this.near.observe(panel.root);
    this.far.observe(panel.root);
    this.sizes.observe(panel.plot);
    return panel;
  }

  remove(panel) {
    if (panel.expanded) this.dialog.close();
    this.queue.delete(panel);
    this.panels.delete(panel.figure.id);
    this.near.unobserve(panel.root);
    this.far.unobserve(panel.root);
    this.sizes.unobserve(panel.plot);
    panel.close();
  }

  /** Load plotly.js, once a page, and draw what waits for it. */
  load(url) {
    if (this.Plotly || this.loading) return;
    this.loading = plotlyFrom(url).then((Plotly) => {
      this.Plotly = Plotly;
      this.drawSoon();
    }).catch(() => {
      this.loading = null;
      const text = "The charts cannot be drawn: plotly.js did not load. Load the page again, or start gtrack ui anew.";
      for (const panel of this.panels.values()) panel.plot.textContent = text;
    });
  }

  /** Draw a panel when there is time, the ones on the screen before the others. */
  want(panel) {
    if (!panel.stale) return;
    this.queue.add(panel);
    this.drawSoon();
  }

  drawSoon() {
    if (!this.Plotly || this.frame || !this.queue.size) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const end = performance.now() + BUDGET;
      const waiting = [...this.queue].map((panel) => [away(panel.root), panel]).sort(([one], [other]) => one - other);
      for (const [, panel] of waiting) {
        this.queue.delete(panel);
        if (panel.visible || panel.expanded) panel.draw();
        if (performance.now() > end) break;
      }
      this.drawSoon();
    });
  }

  /** Zoom along x, in a panel and all that share its axis, and tell the page. */
  setRange(source, range) {
    const before = this.ranges.get(source.axisKey) ?? null;
    if (same(before, range) && !this.panned) return;
    this.panned = null;
    if (range) this.ranges.set(source.axisKey, range);
    else this.ranges.delete(source.axisKey);
    this.cursor.leave();
    for (const panel of everyPanel()) {
      if (panel.axisKey !== source.axisKey) continue;
      if (panel === source && (range === null || panel.views.yaxis)) continue;
      this.bring(panel);
    }
    if (source.figure.axis !== null) tell(source.axisKey, range);
    this.outbox.put({ kind: "zoom", panel: source.figure.id, axis: source.figure.axis, range });
  }

  /** Let a panel show the range that its axis has now, at once if it is on the screen. */
  bring(panel) {
    if (panel.visible || panel.expanded) panel.zoom();
    else panel.stale = true;
  }

  /** Let the panels on the screen follow while one is dragged. */
  pan(source, range) {
    this.panned = { source, range };
    this.panning ||= requestAnimationFrame(() => {
      this.panning = 0;
      if (!this.panned) return;
      this.ranges.set(this.panned.source.axisKey, this.panned.range);
      for (const panel of everyPanel()) {
        if (panel !== this.panned.source && panel.axisKey === this.panned.source.axisKey && panel.visible) panel.zoom();
      }
    });
  }

  /** Show everything again: along x in all panels of the axis, along y in this one. */
  reset(panel) {
    panel.forget();
    const key = panel.axisKey;
    for (const other of everyPanel()) if (other.axisKey === key) other.views = {};
    if (!this.ranges.has(key)) return;
    this.setRange(panel, null);
    panel.zoom();
  }

  toggle(panel) {
    if (panel.expanded) {
      this.dialog.close();
      return;
    }
    this.holder = document.createComment("");
    panel.root.replaceWith(this.holder);
    panel.expanded = true;
    this.expanded = panel;
    panel.expander.setAttribute("aria-label", "Close");
    panel.expander.title = "Close (Escape)";
    this.dialog.setAttribute("aria-label", panel.figure.title);
    this.dialog.append(panel.root);
    this.dialog.showModal();
    panel.expander.focus();
    this.want(panel);
  }

  collapse() {
    const panel = this.expanded;
    if (!panel) return;
    this.expanded = null;
    panel.expanded = false;
    panel.expander.setAttribute("aria-label", "Expand");
    panel.expander.title = "Expand";
    this.holder.replaceWith(panel.root);
    panel.expander.focus({ preventScroll: true });
  }

  close() {
    part(this);
    this.aborter.abort();
    cancelAnimationFrame(this.frame);
    for (const observer of [this.near, this.far, this.sizes]) observer.disconnect();
    this.outbox.close();
    for (const panel of this.panels.values()) panel.close();
    this.root.remove();
    this.dialog.remove();
  }
}

let style = null;

/** Wait for the style sheet that stands beside this module, whose address is versioned like it. */
function styled() {
  style ??= new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("./panels.css", import.meta.url).href;
    link.onload = resolve;
    link.onerror = () => {
      style = null;
      reject(new Error("no style sheet"));
    };
    document.head.append(link);
  });
  return style;
}

/** Return what to sort by, so that what is on the screen comes first, as it is read, and then what is near. */
function away(node) {
  const { top, bottom } = node.getBoundingClientRect();
  return bottom < 0 ? window.innerHeight - bottom : top;
}

/** Return plotly.js, which the page loads once. */
function plotlyFrom(url) {
  const kept = (window.gtrackPlotly ??= new Map());
  if (!kept.has(url)) {
    const loading = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(url, document.baseURI).href;
      script.onload = () => (window.Plotly ? resolve(window.Plotly) : reject(new Error("no Plotly")));
      script.onerror = () => reject(new Error("not loaded"));
      document.head.append(script);
    });
    loading.catch(() => kept.delete(url));
    kept.set(url, loading);
  }
  return kept.get(url);
}
