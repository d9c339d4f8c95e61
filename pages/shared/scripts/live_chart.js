// Charts that are given new points once a second and keep what the person did to them.
let library = null

function load(address) {
  // Once for the page, however many charts and updates there are, and out of the browser's
  // cache after the first visit: the address names the version, so what is cached is right.
  if (window.Plotly) return Promise.resolve(window.Plotly)
  library ??= fetch(new URL(address, window.location.origin), { cache: "force-cache" })
    .then((answer) => (answer.ok ? answer.blob() : Promise.reject(new Error(answer.status))))
    .then(run)
    .then(() => window.Plotly)
    .catch((error) => {
      library = null // the next update tries again
      throw error
    })
  return library
}

function run(code) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = URL.createObjectURL(new Blob([code], { type: "text/javascript" }))
    script.onload = resolve
    script.onerror = reject
    document.head.appendChild(script)
  })
}

function stepsPerEpoch(traces) {
  for (const { x, customdata } of traces) {
    const last = x.length - 1
    if (last >= 0 && x[last] > 0) return customdata[last] / x[last]
  }
  return 0
}

function layout(chart, style, perEpoch, shown, { words, scale, separators }) {
  const colour = style.getPropertyValue("--st-text-color") || style.color
  const background = style.getPropertyValue("--st-background-color") || "#fff"
  const grid = "rgba(128, 132, 140, 0.25)"
  const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true }
  const steps = {
    overlaying: "x", side: "top", tickmode: "auto", fixedrange: true, showgrid: false, zeroline: false,
    title: { text: words.steps, standoff: 4 }, nticks: 6, uirevision: false,
    range: shown.map((epoch) => epoch * perEpoch),
  }
  return {
    separators,
    title: { text: chart.title, x: 0, xanchor: "left", y: 1, yanchor: "top", pad: { t: 4 }, font: { size: 15 * scale } },
    xaxis: { ...axis, title: { text: chart.x }, rangemode: "tozero" },
    yaxis: { ...axis, title: { text: chart.y }, rangemode: "tozero" },
    ...(perEpoch ? { xaxis2: { ...axis, ...steps } } : {}),
    font: { color: colour, family: style.fontFamily, size: 12 * scale },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 10, r: 14, t: 64 * scale, b: 70 * scale },
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0 },
    hovermode: "x unified",
    hoverlabel: { font: { color: colour, size: 12 * scale }, bgcolor: background },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "rgba(128, 132, 140, 0.7)", activecolor: colour },
    uirevision: "constant", // zoom and hidden traces outlive new data
  }
}

function alignSteps(element) {
  // The upper axis counts in steps what the lower one shows in epochs, zoomed or not.
  const { xaxis, xaxis2 } = element._fullLayout
  if (!xaxis2) return
  const range = xaxis.range.map((epoch) => epoch * element.perEpoch)
  const near = (a, b) => Math.abs(a - b) < 1e-6 * Math.abs(range[1] - range[0])
  if (!range.every((end, index) => near(end, xaxis2.range[index])))
    window.Plotly.relayout(element, { "xaxis2.range": range })
}

function enlarge(trace, scale) {
  if (scale === 1) return trace
  const { line, marker } = trace
  return {
    ...trace,
    ...(line && { line: { ...line, width: (line.width ?? 2) * scale } }),
    ...(marker && { marker: { ...marker, size: (marker.size ?? 6) * scale } }),
  }
}

function draw(Plotly, element, chart, style, data) {
  const perEpoch = stepsPerEpoch(chart.traces)
  const shown = element._fullLayout?.xaxis.range ?? [0, 1]
  const anchor = { x: [null], y: [null], xaxis: "x2", showlegend: false, hoverinfo: "skip" }
  const drawn = chart.traces.map((trace) => enlarge(trace, data.scale))
  const traces = perEpoch ? [...drawn, anchor] : drawn
  const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"] }
  element.perEpoch = perEpoch
  Plotly.react(element, traces, layout(chart, style, perEpoch, shown, data), options)
  alignSteps(element)
}

function chartElement(root, index) {
  if (root.children[index]) return root.children[index]
  const element = document.createElement("div")
  element.className = "live-chart"
  element.setAttribute("role", "figure") // an image may hold no buttons
  root.appendChild(element)
  return element
}

// How far the curves of a run are drawn that is quicker than an eye can follow: by run, in epochs.
const drawnUntil = new Map()

function upTo(traces, end) {
  return traces.map((trace) => {
    const { x, y, customdata } = trace
    const within = (values) => values?.filter((_, index) => x[index] <= end)
    return { ...trace, x: within(x), y: within(y), customdata: within(customdata) }
  })
}

function drawAtPace(drawAll, charts, pace) {
  // The newest points are handed over; the timer that draws them, a few at a time, goes on.
  const end = Math.max(0, ...charts.flatMap((chart) => chart.traces.flatMap((trace) => trace.x)))
  const drawn = drawnUntil.get(pace.run) ?? { epochs: 0, at: performance.now() }
  drawnUntil.set(pace.run, drawn)
  clearTimeout(drawn.timer)
  const step = () => {
    const now = performance.now()
    drawn.epochs = Math.min(end, drawn.epochs + (pace.epochsPerSecond * (now - drawn.at)) / 1000)
    drawn.at = now
    const isWhole = drawn.epochs >= end
    drawAll(charts.map((chart) => (isWhole ? chart : { ...chart, traces: upTo(chart.traces, drawn.epochs) })))
    if (!isWhole) drawn.timer = setTimeout(step, 100)
  }
  step()
}

function fillIn(charts) {
  // Lists that the trace at the same place of the first chart has too are sent once.
  return charts.map((chart) => ({
    ...chart,
    traces: chart.traces.map((trace, place) => {
      const { x, customdata } = charts[0].traces[place]
      return { x, customdata, ...trace }
    }),
  }))
}

export default async function ({ data, parentElement }) {
  const charts = fillIn(data.charts)
  const root = parentElement.querySelector(".live-charts")
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", data.words.name)
  const elements = charts.map((chart, index) => {
    const element = chartElement(root, index)
    element.setAttribute("aria-label", chart.title + ". " + data.description)
    return element
  })
  let Plotly
  try {
    Plotly = await load(data.library)
  } catch {
    elements.forEach((element) => {
      element.textContent = data.words.failed + " " + data.description
    })
    return
  }
  const style = getComputedStyle(root)
  const drawAll = (charts) =>
    charts.forEach((chart, index) => {
      const element = elements[index]
      if (!element.isConnected) return
      if (!element._fullLayout) {
        element.textContent = ""
        draw(Plotly, element, chart, style, data)
        element.on("plotly_afterplot", () => alignSteps(element))
      } else draw(Plotly, element, chart, style, data)
    })
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches
  if (data.pace && !isCalm) drawAtPace(drawAll, charts, data.pace)
  else drawAll(charts)
  return () => {
    // Also called when an update overtook this one: then the charts are still in use.
    if (!root.isConnected) elements.forEach((element) => Plotly.purge(element))
  }
}
