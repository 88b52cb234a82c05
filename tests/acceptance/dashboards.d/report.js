// Draws dashboards as Grafana would, as far as ours make use of it: time series and stat panels, legends as tables,
// units, thresholds as lines, value mappings. What it does not know it throws at, so that no option goes unseen.

const { times, dashboards } = JSON.parse(document.getElementById("data").textContent);

const COLOURS = { green: "#73bf69", red: "#f2495c", orange: "#ff9830", yellow: "#fade2a", blue: "#5794f2", "light-blue": "#8ab8ff", purple: "#b877d9" };
const PALETTE = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477"];

const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const known = (what, value, values) => {
  if (!values.includes(value)) throw new Error(`the report can't draw ${what} ${value}`);
  return value;
};
const colour = (name) => COLOURS[known("the colour", name, Object.keys(COLOURS))];
const present = (values) => values.filter((value) => value !== null);

// Values as text: the greatest step of the unit that is not too great, and three digits. The first step is for 0.
const steps = (factor, names) => names.map((name, power) => [factor ** power, name]);
const UNITS = {
  none: [[1, ""]],
  percentunit: [[0.01, "%"]],
  reqps: steps(1000, [" req/s", "K req/s"]),
  eps: steps(1000, [" evt/s", "K evt/s"]),
  bytes: steps(1024, [" B", " KiB", " MiB", " GiB", " TiB"]),
  s: [[1, " s"], [1e-6, " µs"], [1e-3, " ms"], [1, " s"], [60, " mins"], [3600, " hours"], [86400, " days"]],
};
function format({ unit, decimals }, value) {
  const units = UNITS[known("the unit", unit, Object.keys(UNITS))];
  if (value === undefined || value === null) return "-";
  const [size, name] = units.findLast(([size]) => Math.abs(value) >= size) ?? units[0];
  const number = value / size;
  return (decimals === undefined ? Number(number.toPrecision(3)) : number.toFixed(decimals)) + name;
}

const CALCS = {
  lastNotNull: ["Last *", (values) => present(values).at(-1)],
  max: ["Max", (values) => (present(values).length ? Math.max(...present(values)) : undefined)],
  min: ["Min", (values) => (present(values).length ? Math.min(...present(values)) : undefined)],
};

function legend({ frames, options, fieldConfig }, colours) {
  known("a legend as", options.legend.displayMode, ["table"]);
  const calcs = options.legend.calcs.map((name) => CALCS[known("the calculation", name, Object.keys(CALCS))]);
  const made = element("div", "legend");
  const table = made.appendChild(element("table"));
  const head = table.appendChild(element("tr"));
  for (const text of ["", ...calcs.map(([name]) => name)]) head.append(element("th", "", text));
  frames.forEach((frame, index) => {
    const row = table.appendChild(element("tr"));
    const name = row.appendChild(element("td"));
    name.appendChild(element("i")).style.background = colours[index];
    name.append(frame.legend);
    for (const [, calc] of calcs) row.append(element("td", "", format(fieldConfig.defaults, calc(frame.values))));
  });
  return made;
}

// What a series is drawn in: its own override, or the next of the palette.
function colourOf({ fieldConfig: { overrides } }, { legend }, index) {
  const own = overrides.find(({ matcher }) => known("an override", matcher.id, ["byName"]) && matcher.options === legend);
  return own ? colour(own.properties[0].value.fixedColor) : PALETTE[index % PALETTE.length];
}

// Series on each other: each one's values on top of those before it.
function stacked(frames) {
  const sums = times.map(() => 0);
  return frames.map(({ values }) => values.map((value, at) => (value === null ? null : (sums[at] += value))));
}

// Bounds of the axis as Grafana sets them: fixed ones hold, a soft one gives way, else a tenth is left above.
function range({ min, max, custom }) {
  const above = custom.axisSoftMax === undefined ? { pad: 0.1, mode: 0 } : { pad: 0.1, soft: custom.axisSoftMax, mode: 1 };
  return (_, low, high) => {
    const [from, to] = uPlot.rangeNum(min ?? low, high, { min: { pad: 0.1, soft: 0, mode: 3 }, max: above });
    return [min ?? from, max ?? to];
  };
}

const binary = Array.from({ length: 50 }, (_, power) => 2 ** power);
const integers = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000];
const increments = ({ unit, decimals }) => (unit === "bytes" ? binary : decimals === 0 ? integers : undefined);

// Thresholds as lines, where the axis reaches them.
const lines = ({ steps }) => ({ ctx, bbox, valToPos }) => {
  for (const { value, color } of steps.slice(1)) {
    const y = valToPos(value, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.fillStyle = colour(color);
    ctx.fillRect(bbox.left, y - 1, bbox.width, 2);
  }
};

function plot(place, { frames, fieldConfig: { defaults } }, colours) {
  const { thresholds, custom } = defaults;
  known("the style", custom.drawStyle, ["line"]);
  known("points", custom.showPoints, ["never"]);
  const stacks = known("stacking", custom.stacking.mode, ["none", "normal"]) === "normal";
  const limits = known("thresholds as", custom.thresholdsStyle.mode, ["off", "line"]) === "line";
  const steps = known("a line", custom.lineInterpolation ?? "linear", ["linear", "stepAfter"]) === "stepAfter";
  const fill = Math.round(custom.fillOpacity * 2.55).toString(16).padStart(2, "0");
  const grid = { stroke: "rgba(204, 204, 220, .09)", width: 1 };
  const axis = { stroke: "#9d9da8", font: "12px Inter, sans-serif", grid, ticks: grid };
  const { width, height } = place.getBoundingClientRect();
  const options = {
    width: width - 8,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: range(defaults) } },
    axes: [
      { ...axis, space: 80, values: (_, ticks) => ticks.map((at) => new Date(at * 1000).toISOString().slice(11, 19)) },
      { ...axis, space: 30, size: 76, incrs: increments(defaults), values: (_, ticks) => ticks.map((value) => format(defaults, value)) },
    ],
    series: [
      {},
      ...colours.map((stroke) => ({
        stroke,
        fill: stroke + fill,
        width: custom.lineWidth,
        paths: steps ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear(),
        points: { show: false },
      })),
    ],
    bands: stacks ? frames.slice(1).map((_, index) => ({ series: [index + 2, index + 1] })) : [],
    hooks: { draw: limits ? [lines(thresholds)] : [] },
  };
  new uPlot(options, [times, ...(stacks ? stacked(frames) : frames.map(({ values }) => values))], place);
}

function stat(place, { frames, fieldConfig: { defaults }, options }) {
  const [, calc] = CALCS[options.reduceOptions.calcs[0]];
  const value = calc(frames[0].values);
  const mapped = defaults.mappings?.find(({ type }) => known("a mapping by", type, ["value"])).options[value];
  const step = defaults.thresholds.steps.findLast((step) => step.value === null || value >= step.value);
  place.textContent = mapped?.text ?? format(defaults, value);
  place.parentElement.style.background = colour(mapped?.color ?? step.color);
  known("a stat with", options.colorMode, ["background"]);
}

function draw(place, panel) {
  place.append(element("h2", "", panel.title));
  if (panel.type === "stat") return stat(place.appendChild(element("div", "stat")), panel);
  const colours = panel.frames.map((frame, index) => colourOf(panel, frame, index));
  const parts = place.appendChild(element("div", known("a legend at the", panel.options.legend.placement, ["bottom", "right"])));
  const plotted = parts.appendChild(element("div", "plot"));
  parts.append(legend(panel, colours));
  plot(plotted, panel, colours);
}

function drawDashboard(name, dashboard) {
  document.querySelector("nav").appendChild(element("a", "", dashboard.title)).href = `#${name}`;
  document.body.appendChild(element("h1", "", dashboard.title)).id = name;
  document.body.append(element("p", "", dashboard.description));
  const whole = document.body.appendChild(element("div", "dashboard"));
  whole.dataset.picture = name;
  for (const panel of dashboard.panels) {
    const { x, y, w, h } = panel.gridPos;
    const row = panel.type === "row";
    const place = whole.appendChild(element("div", row ? "row" : "panel", row ? `⌄ ${panel.title}` : undefined));
    place.style.gridArea = `${y + 1} / ${x + 1} / span ${h} / span ${w}`;
    if (!row) draw(place, panel);
  }
}

// Each panel by itself, with what it is for and what it asks.
function drawPanels(name, dashboard) {
  document.body.append(element("h1", "", `${dashboard.title}, panel by panel`));
  const panels = document.body.appendChild(element("div", "panels"));
  for (const panel of dashboard.panels.filter(({ type }) => type !== "row")) {
    const figure = panels.appendChild(element("figure"));
    figure.dataset.picture = `${name}-${panel.id}`;
    draw(figure.appendChild(element("div", "panel")), panel);
    const caption = figure.appendChild(element("figcaption", "", panel.description));
    for (const { expr } of panel.targets) caption.append(element("code", "", expr));
  }
}

for (const [name, dashboard] of Object.entries(dashboards)) {
  drawDashboard(name, dashboard);
  drawPanels(name, dashboard);
}
