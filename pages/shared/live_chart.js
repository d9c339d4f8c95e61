let library = null

function load(path) {
  // Loaded once for the whole page, however many charts and updates there are.
  if (window.Plotly) return Promise.resolve(window.Plotly)
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    const base = window.location.pathname.replace(/[^/]*\/?$/, "")
    script.src = new URL(base + path, window.location.origin)
    script.onload = () => resolve(window.Plotly)
    script.onerror = reject
    document.head.appendChild(script)
  })
  return library
}

function layout(chart, style) {
  const colour = style.getPropertyValue("--st-text-color") || style.color
  const grid = "rgba(128, 132, 140, 0.25)"
  const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true }
  return {
    title: { text: chart.title, x: 0, xanchor: "left", font: { size: 15 } },
    xaxis: { ...axis, title: { text: chart.x } },
    yaxis: { ...axis, title: { text: chart.y }, rangemode: "tozero" },
    font: { color: colour, family: style.fontFamily },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 10, r: 10, t: 36, b: 10 },
    legend: { orientation: "h", y: -0.28 },
    hovermode: "x unified",
    hoverlabel: { font: { color: "#111", size: 12 }, bgcolor: "#fff" },
    uirevision: "constant",
  }
}

export default async function ({ data, parentElement }) {
  const root = parentElement.querySelector(".live-charts")
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", data.description)
  const Plotly = await load(data.library)
  const style = getComputedStyle(root)
  data.charts.forEach((chart, index) => {
    let element = root.children[index]
    if (!element) {
      element = document.createElement("div")
      element.className = "live-chart"
      element.setAttribute("role", "img")
      root.appendChild(element)
    }
    element.setAttribute("aria-label", chart.title + ". " + data.description)
    const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] }
    Plotly.react(element, chart.traces, layout(chart, style), options)
  })
}
