// The network drawing of a page: drawn anew when its room or its network changes, otherwise only
// its glow. network_svg.js and network_surgery.js come before this file.
const KEYS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }

function describeShape(data) {
  // Everything that is drawn but the glow, and how large.
  const slabs = data.drawing.slabs.map(({ change, description, ...shape }) => shape)
  return JSON.stringify([slabs, data.drawing.outputs, data.drawing.reads_all, data.image, data.height, data.scale])
}

function draw(state) {
  const { data, canvas } = state
  const width = Math.floor(canvas.clientWidth), { scale } = data
  if (!width) return
  state.width = width
  state.shape = describeShape(data)
  const height = (width < 620 ? 0.68 : 1) * data.height * Math.max(1, scale * 0.85)
  const focused = state.svg?.contains(document.activeElement) ? document.activeElement.dataset.index : undefined
  state.svg = drawNetwork(data.drawing, { width, height, scale, image: data.image, hasImage: Boolean(data.image), interactive: true })
  canvas.replaceChildren(state.svg)
  listen(state)
  mark(state)
  if (focused !== undefined) state.svg.querySelector(`[data-index="${focused}"]`)?.focus()
}

function listen(state) {
  const groups = [...state.svg.querySelectorAll(".nd-slab")]
  const tell = (index) => (state.detail.textContent = index === null ? "" : state.data.drawing.slabs[index].description)
  groups.forEach((group, index) => {
    group.addEventListener("pointerenter", () => tell(index))
    group.addEventListener("pointerleave", () => tell(state.selected))
    group.addEventListener("focus", () => tell(index))
    group.addEventListener("click", () => select(state, index))
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") select(state, index)
      else if (KEYS[event.key]) {
        const next = groups[index + KEYS[event.key]]
        if (next) {
          groups.forEach((each) => each.setAttribute("tabindex", each === next ? 0 : -1))
          next.focus()
        }
      } else return
      event.preventDefault()
    })
  })
}

function select(state, index) {
  state.selected = index
  mark(state)
  state.detail.textContent = state.data.drawing.slabs[index].description
  if (state.data.selectable) state.send("slab", index)
}

function mark(state) {
  state.svg.querySelectorAll(".nd-slab").forEach((group, index) => group.setAttribute("aria-pressed", index === state.selected))
}

function drawLegend(state) {
  const rows = state.data.drawing.legend.map(({ state: name, words }) => {
    const row = document.createElement("li")
    const id = `legend-${Math.random().toString(36).slice(2)}`
    const swatch = svgElement("svg", { class: "nd", width: 22, height: 14, "aria-hidden": "true" }, [
      svgElement("style", {}, [NETWORK_STYLE]), svgElement("defs", {}, [networkPattern(name, `${id}-${name}`, 1)]),
      ...slabFaces({ x: 1, y: 1, width: 20, height: 12, dx: 0 }, name, id)])
    row.append(swatch, words)
    return row
  })
  state.legend.replaceChildren(...rows)
}

function begin(root, parentElement) {
  const find = (name) => root.querySelector(`.nd-${name}`)
  const state = { root, canvas: find("canvas"), detail: find("detail"), legend: find("legend"), again: find("again"), selected: null }
  state.observer = new ResizeObserver(() => { if (Math.floor(state.canvas.clientWidth) !== state.width) draw(state) })
  state.observer.observe(state.canvas)
  state.again.addEventListener("click", () => playSurgery(state.svg, state.data.drawing))
  return state
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".nd-network")
  const state = (root.network ??= begin(root, parentElement))
  const played = state.data?.play
  Object.assign(state, { data, send: setStateValue })
  if (data.selected !== null) state.selected = data.selected
  if (!state.svg || state.shape !== describeShape(data)) draw(state)
  else setGlow(state.svg, data.drawing)
  if (state.svg) mark(state)
  drawLegend(state)
  state.root.classList.toggle("nd-learning", data.learning)
  state.again.hidden = !data.play
  state.again.textContent = data.again
  if (data.play && data.play !== played && state.svg) playSurgery(state.svg, data.drawing)
  return () => {
    if (!root.isConnected) state.observer.disconnect()
  }
}
