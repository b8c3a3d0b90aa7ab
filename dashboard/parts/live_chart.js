// A chart that moves: each message is a whole figure, and Plotly changes what is drawn into it. The chart keeps its
// element, its zoom, the traces that the legend hides, and the label of the point under the mouse.

const FONT_SIZE = 12;
const NARROWEST = 150; // pixels, as Streamlit draws its charts
const FORGET = 1000; // milliseconds that a chart is kept when its place on the page goes: it may have moved
const SETTLE = 400; // milliseconds after which Plotly has answered what the mouse did
const WIDER = "M32 32C14.3 32 0 46.3 0 64v96c0 17.7 14.3 32 32 32s32-14.3 32-32V96h64c17.7 0 32-14.3 32-32s-14.3-32-32-32H32zM64 352c0-17.7-14.3-32-32-32s-32 14.3-32 32v96c0 17.7 14.3 32 32 32h96c17.7 0 32-14.3 32-32s-14.3-32-32-32H64V352zM320 32c-17.7 0-32 14.3-32 32s14.3 32 32 32h64v64c0 17.7 14.3 32 32 32s32-14.3 32-32V64c0-17.7-14.3-32-32-32H320zM448 352c0-17.7-14.3-32-32-32s-32 14.3-32 32v64H320c-17.7 0-32 14.3-32 32s14.3 32 32 32h96c17.7 0 32-14.3 32-32V352z";

const charts = new Map(); // key -> chart on this page
let library;

/** Plotly, from the dashboard's own server: once a page, and from the browser's cache where it was loaded before. */
function plotly(path) {
  const server = new URL("../..", document.querySelector('script[src*="/static/js/"]').src);
  const load = async () => {
    const answer = await fetch(new URL(path, server), { cache: "force-cache" }); // its address holds its version
    if (!answer.ok) throw new Error(`${answer.status} for ${path}`);
    const script = document.createElement("script");
    script.textContent = await answer.text();
    document.head.append(script);
    return window.Plotly;
  };
  return (library ??= load());
}

/** What Streamlit's theme gives its own charts, as the template of a figure. */
function template(element) {
  const style = getComputedStyle(element);
  const theme = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const ground = theme("background-color"), strong = theme("heading-color"), family = theme("font");
  const [red, green, blue] = ground.match(/^#/) ? [1, 3, 5].map((at) => parseInt(ground.slice(at, at + 2), 16)) : ground.match(/\d+/g);
  const dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  const soft = dark ? "#e6eaf1" : "#808495", grid = dark ? "#31333f" : "#e6eaf1";
  const small = { color: soft, size: FONT_SIZE };
  const axis = {
    zerolinecolor: grid, gridcolor: grid, tickcolor: grid, minor: { gridcolor: grid }, tickfont: small, automargin: true,
  };
  const axisTitle = { color: soft, size: 14 };
  const title = {
    color: strong, subtitleColor: strong, font: { family, size: 16, color: strong }, pad: { l: 4 }, xanchor: "left", x: 0,
  };
  const layout = {
    font: { ...small, family, weight: 400 },
    title,
    legend: {
      title: { font: small, side: "top" }, valign: "top", bordercolor: "transparent", borderwidth: 0,
      font: { size: FONT_SIZE, color: dark ? "#fafafa" : "#262730" },
    },
    paper_bgcolor: ground,
    plot_bgcolor: ground,
    yaxis: { ...axis, ticklabelposition: "outside", title: { font: axisTitle, standoff: 24 } },
    xaxis: { ...axis, showgrid: false, zeroline: false, title: { font: axisTitle, standoff: 20 } },
    margin: { pad: 8, r: 0, l: 0 },
    hoverlabel: { bgcolor: ground, bordercolor: theme("border-color"), font: { ...small, family } },
  };
  return { layout, data: { scatter: [{ marker: { line: { width: 0 } } }] } };
}

class Chart {
  constructor(key) {
    this.key = key;
    this.uids = {};
    this.host = document.createElement("div");
    this.host.className = "stPlotlyChart live-chart";
    this.host.setAttribute("role", "figure");
    this.plot = document.createElement("div");
    this.host.append(this.plot);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.host);
    this.host.addEventListener("pointerdown", () => this.hold());
    this.ended = new AbortController();
    document.addEventListener("fullscreenchange", () => this.draw(), { signal: this.ended.signal });
  }

  /** While something is dragged in the chart, and until Plotly has made a box or a double click of it, points wait. */
  hold() {
    clearTimeout(this.released);
    this.held = true;
    const release = () => {
      window.removeEventListener("pointerup", release);
      window.removeEventListener("pointercancel", release);
      this.released = setTimeout(() => {
        this.held = false;
        this.draw();
      }, SETTLE);
    };
    window.addEventListener("pointerup", release);
    window.addEventListener("pointercancel", release);
  }

  /** Draw what was sent last, unless it is what is drawn. */
  draw() {
    const { Plotly, sent, host, plot } = this;
    const { width } = host.getBoundingClientRect();
    if (!Plotly || !sent || !width || this.held || !host.isConnected) return;
    const full = document.fullscreenElement === host;
    const { data, layout, config } = JSON.parse(sent.text);
    const height = full ? window.innerHeight : layout.height;
    const look = template(host);
    const now = [sent.text, width, height, JSON.stringify(look)].join();
    if (now === this.drawn) return;
    this.drawn = now;
    if (layout.title?.text) layout.title.text = `<b>${layout.title.text}</b>`;
    layout.uirevision = `${layout.uirevision}|${sent.alt}`; // another run or range: nothing of the zoom before stays
    Object.assign(layout, { template: look, width: Math.max(width, NARROWEST), height });
    if (sent.boxes) layout.clickmode = "event";
    Plotly.react(plot, this.identified(data), layout, this.config(config));
    if (!this.listens) {
      this.listens = true;
      plot.on("plotly_selected", (event) => this.box(event));
    }
  }

  /** Give each trace an identity by what it is, so that one that begins later takes nothing of another. */
  identified(traces) {
    const seen = {};
    return traces.map((trace) => {
      const kind = JSON.stringify([trace.name, trace.fill, trace.opacity]);
      seen[kind] = (seen[kind] ?? 0) + 1;
      const name = kind + seen[kind];
      this.uids[name] ??= `t${Object.keys(this.uids).length}`; // a part of a CSS selector of Plotly's
      return { uid: this.uids[name], ...trace };
    });
  }

  config(config) {
    const fullscreen = () => (document.fullscreenElement ? document.exitFullscreen() : this.host.requestFullscreen());
    const button = { name: "Fullscreen", title: "Fullscreen", icon: { width: 600, height: 470, path: WIDER }, click: fullscreen };
    const unused = ["sendChartToCloud", "lasso2d", ...(this.sent.boxes ? [] : ["select2d"])];
    const buttons = { showSendToCloud: false, modeBarButtonsToAdd: [button], modeBarButtonsToRemove: unused };
    return (this.settings ??= { ...config, ...buttons });
  }

  /** Tell the page which range a box covers, and take the box away. */
  box(event) {
    const box = event?.selections?.find((selection) => selection.type === "rect");
    if (!box || !this.sent.boxes) return;
    this.tell("boxed", [box.x0, box.x1]);
    this.Plotly.update(this.plot, { selectedpoints: null }, { selections: [] });
  }

  forget() {
    this.resized.disconnect();
    this.ended.abort();
    this.Plotly?.purge(this.plot);
    if (charts.get(this.key) === this) charts.delete(this.key);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const { number, ...sent } = JSON.parse(new TextDecoder().decode(data));
  sent.text = JSON.stringify(sent);
  if (!charts.has(sent.key)) charts.set(sent.key, new Chart(sent.key));
  const chart = charts.get(sent.key);
  chart.sent = sent;
  chart.tell = setTriggerValue;
  chart.host.setAttribute("aria-label", sent.alt);
  chart.host.style.minHeight = `${sent.layout.height}px`;
  if (chart.host.parentElement !== parentElement) parentElement.replaceChildren(chart.host);
  plotly(sent.library).then(
    (Plotly) => { chart.Plotly = Plotly; chart.draw(); },
    () => setTriggerValue("unable", true),
  );
  return () => setTimeout(() => chart.host.isConnected || chart.forget(), FORGET);
}
