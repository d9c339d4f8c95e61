// Small line charts: series with points and error bars, a cursor for mouse, finger and keyboard.
const SVG = "http://www.w3.org/2000/svg"
const states = new WeakMap()
let language = "en" // of the numbers

function make(name, attributes, parent, text) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  if (text !== undefined) element.textContent = text
  parent?.appendChild(element)
  return element
}

function html(name, className, parent, text) {
  const element = document.createElement(name)
  element.className = className
  if (text !== undefined) element.textContent = text
  parent.appendChild(element)
  return element
}

function format(value, axis) {
  if (axis.percent) return `${Math.round(100 * value)} %`
  if (value >= 1e5) return value.toExponential(0).replace("e+", "e")
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : (axis.digits ?? 2)
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function niceStep(range, count) {
  const rough = range / count, power = 10 ** Math.floor(Math.log10(rough))
  return [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough)
}

function buildScale(values, axis, from, to) {
  const low = axis.min ?? Math.min(...values), high = axis.max ?? Math.max(...values)
  if (axis.log) {
    const a = Math.log10(low), b = Math.log10(high === low ? low * 2 : high)
    const place = (value) => from + ((Math.log10(value) - a) / (b - a)) * (to - from)
    const step = Math.max(1, Math.ceil((b - a) / 5))
    const powers = []
    for (let power = Math.ceil(a); power <= b; power += step) powers.push(10 ** power)
    return { place, ticks: axis.ticks ?? powers }
  }
  const range = high - low || 1, step = niceStep(range, axis.count ?? 4), ticks = []
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) ticks.push(tick)
  return { place: (value) => from + ((value - low) / range) * (to - from), ticks }
}

function strokeOf(series) {
  return { stroke: series.colour, "stroke-width": series.width ?? 2.2, fill: "none", "stroke-linejoin": "round" }
}

const SHAPES = {
  circle: (x, y, r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
  square: (x, y, r) => `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
  diamond: (x, y, r) => `M${x},${y - 1.3 * r}L${x + 1.3 * r},${y}L${x},${y + 1.3 * r}L${x - 1.3 * r},${y}z`,
}

function drawSeries(svg, series, x, y, animated) {
  const usable = series.x.map((_, i) => i).filter((i) => series.y[i] !== null)
  const path = usable.map((i, n) => `${n ? "L" : "M"}${x(series.x[i]).toFixed(1)},${y(series.y[i]).toFixed(1)}`).join("")
  const look = strokeOf(series)
  if (series.dash) look["stroke-dasharray"] = series.dash
  const line = make("path", { d: path, ...look }, svg)
  if (animated && !series.dash && !series.marker) {
    line.setAttribute("pathLength", 1)
    line.classList.add("curve-drawing")
    line.addEventListener("animationend", () => {
      line.classList.remove("curve-drawing")
      line.removeAttribute("pathLength")
    })
  }
  for (const i of usable) {
    const px = x(series.x[i]) + (series.shift ?? 0)
    if (series.low) make("path", { d: `M${px},${y(series.low[i])}V${y(series.high[i])}`, ...look, "stroke-dasharray": "none", "stroke-width": 1.6 }, svg)
    if (series.marker) make("path", { d: SHAPES[series.marker](px, y(series.y[i]), 4), fill: series.colour, stroke: "none" }, svg)
  }
}

function drawLegend(list, chart) {
  list.replaceChildren()
  for (const series of chart.series) {
    const item = html("li", "", list)
    const swatch = make("svg", { viewBox: "0 0 26 11", "aria-hidden": "true" }, item)
    make("path", { d: "M0,5.5H26", ...strokeOf(series), "stroke-dasharray": series.dash ?? "none" }, swatch)
    if (series.marker) make("path", { d: SHAPES[series.marker](13, 5.5, 4), fill: series.colour }, swatch)
    html("span", "", item, series.name)
  }
}

function drawChart(state, chart, animated) {
  const { figure, svg } = state, root = figure.parentElement
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize)
  const width = Math.max(200, figure.clientWidth), height = (root.clientWidth < 30 * rem ? 8.5 : chart.height ?? 18) * rem
  const left = 3 * rem, right = width - 0.8 * rem, top = 1.3 * rem, bottom = height - 2.4 * rem
  svg.replaceChildren()
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`)
  svg.style.height = `${height}px`
  const xs = [...new Set(chart.series.flatMap((each) => each.x))].sort((a, b) => a - b)
  const ys = chart.series.flatMap((each) => [...each.y, ...(each.low ?? []), ...(each.high ?? [])]).filter((each) => each !== null)
  state.xs = xs
  if (!xs.length || !ys.length) return
  const across = buildScale(xs, chart.x, left, right), up = buildScale(ys, chart.y, bottom, top)
  for (const tick of up.ticks) {
    make("path", { class: "curve-grid", d: `M${left},${up.place(tick)}H${right}` }, svg)
    make("text", { x: left - 0.4 * rem, y: up.place(tick) + 0.25 * rem, "text-anchor": "end" }, svg, format(tick, { ...chart.y, digits: chart.y.log ? 1 : up.ticks.some((t) => t % 1) ? 1 : 0 }))
  }
  make("path", { class: "curve-axis", d: `M${left},${bottom}H${right}` }, svg)
  for (const tick of across.ticks)
    make("text", { x: across.place(tick), y: bottom + 1 * rem, "text-anchor": "middle" }, svg, `${tick}`)
  make("text", { x: (left + right) / 2, y: bottom + 2.1 * rem, "text-anchor": "middle" }, svg, chart.x.label)
  if (chart.band) {
    const [a, b] = chart.band.map((each) => Math.min(right, Math.max(left, across.place(each))))
    make("rect", { class: "curve-band", x: a, y: top, width: Math.max(2, b - a), height: bottom - top }, svg)
  }
  for (const series of chart.series) drawSeries(svg, series, across.place, up.place, animated)
  for (const mark of chart.marks ?? []) {
    const px = across.place(mark.x), end = px > (left + right) / 2
    make("path", { class: "curve-vertical", d: `M${px},${top - 0.2 * rem}V${bottom}` }, svg)
    make("text", { class: "curve-mark", x: px + (end ? -4 : 4), y: top - 0.35 * rem, "text-anchor": end ? "end" : "start" }, svg, mark.label)
  }
  state.cursor = make("path", { class: "curve-cursor", d: "" }, svg)
  state.place = (x) => `M${across.place(x)},${top}V${bottom}`
  state.toIndex = (clientX) => {
    const box = svg.getBoundingClientRect(), at = ((clientX - box.left) / box.width) * width
    let best = 0
    xs.forEach((x, i) => { if (Math.abs(across.place(x) - at) < Math.abs(across.place(xs[best]) - at)) best = i })
    return best
  }
  svg.setAttribute("aria-valuemin", xs[0])
  svg.setAttribute("aria-valuemax", xs[xs.length - 1])
}

function point(state, index) {
  const { chart, svg, xs } = state
  if (!xs?.length) return
  state.index = Math.min(xs.length - 1, Math.max(0, index))
  const x = xs[state.index]
  const values = chart.series.flatMap((series) => {
    const i = series.x.indexOf(x)
    return i < 0 || series.y[i] === null ? [] : [`${series.name} ${format(series.y[i], { digits: 2, ...chart.y })}`]
  })
  const words = `${chart.x.unit} ${x}: ${values.join(", ")}`
  state.read.textContent = words
  svg.setAttribute("aria-valuenow", x)
  svg.setAttribute("aria-valuetext", words)
  state.cursor?.setAttribute("d", state.place(x))
}

function rest(state) {
  state.cursor?.setAttribute("d", "")
  state.read.textContent = "\u00a0"
}

function build(root) {
  const figure = html("figure", "curve-chart", root)
  const state = { figure, caption: html("figcaption", "", figure), legend: html("ul", "curve-legend", figure) }
  const svg = (state.svg = make("svg", { role: "slider", tabindex: 0, "aria-orientation": "horizontal" }, figure))
  state.read = html("p", "curve-read", figure, "\u00a0")
  state.read.setAttribute("aria-hidden", "true") // the slider's value says it
  svg.addEventListener("pointermove", (event) => state.toIndex && point(state, state.toIndex(event.clientX)))
  svg.addEventListener("pointerleave", () => rest(state))
  svg.addEventListener("blur", () => rest(state))
  svg.addEventListener("keydown", (event) => {
    const now = state.index ?? state.xs?.length - 1, jump = Math.max(1, Math.round((state.xs?.length ?? 1) / 10))
    const to = { ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1, PageUp: now + jump, PageDown: now - jump, Home: 0, End: Infinity }[event.key]
    if (to === undefined) return
    event.preventDefault()
    point(state, to)
  })
  return state
}

export default function ({ data, parentElement }) {
  language = data.language
  const root = parentElement.querySelector(".curve-charts")
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", data.description)
  const all = states.get(root) ?? []
  states.set(root, all)
  const redraw = (animated) => data.charts.forEach((chart, i) => drawChart(all[i], chart, animated))
  data.charts.forEach((chart, i) => {
    all[i] ??= build(root)
    const state = all[i], text = JSON.stringify(chart)
    state.changed = state.text !== text
    Object.assign(state, { chart, text, index: undefined })
    state.caption.textContent = chart.title
    state.svg.setAttribute("aria-label", `${chart.title}. ${data.description}`)
    drawLegend(state.legend, chart)
  })
  data.charts.forEach((chart, i) => drawChart(all[i], chart, all[i].changed))
  all.forEach((state, i) => {
    state.svg.setAttribute("aria-valuenow", state.xs?.[state.xs.length - 1] ?? 0)
    if (data.charts[i]) state.svg.setAttribute("aria-valuetext", data.description)
  })
  let width = root.clientWidth
  const observer = new ResizeObserver(() => {
    if (root.clientWidth !== width) redraw(false)
    width = root.clientWidth
  })
  observer.observe(root)
  return () => observer.disconnect()
}
