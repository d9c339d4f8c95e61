// The network as a row of slabs. Another component may put this file before its own script:
//   drawNetwork(data, options) -> SVGElement    data: a NetworkDrawing (figures/network_drawing.py)
//   setGlow(svg, data) updates the measured changes without drawing anew.
const NETWORK_STYLE = `
.nd { --nd-page: var(--st-background-color, Canvas); --nd-ink: var(--st-text-color, CanvasText);
  --nd-soft: color-mix(in srgb, var(--nd-ink) 70%, var(--nd-page));
  --nd-blue: color-mix(in srgb, #2a78b5 80%, var(--nd-ink)); --nd-orange: color-mix(in srgb, #d1720a 85%, var(--nd-ink));
  --nd-purple: color-mix(in srgb, #7a4fb5 75%, var(--nd-ink)); --nd-grey: color-mix(in srgb, #7a7f87 85%, var(--nd-ink));
  --nd-line: 1.4px; display: block; overflow: visible; font-family: inherit; }
.nd text { fill: var(--nd-soft); font-family: inherit; } .nd .nd-strong { fill: var(--nd-ink); font-weight: 600; }
.nd .nd-wire { stroke: var(--nd-soft); stroke-width: var(--nd-line); fill: none; }
.nd .nd-face { stroke-width: var(--nd-line); stroke-linejoin: round; }
.nd .nd-tint { stroke: none; }
.nd .nd-new .nd-face { stroke-width: calc(var(--nd-line) * 1.9); }
.nd .nd-glow { opacity: 0; transition: opacity 600ms linear; pointer-events: none; }
.nd .nd-glow path { fill: none; stroke: var(--nd-orange); stroke-width: calc(var(--nd-line) * 5); stroke-opacity: 0.55; stroke-linejoin: round; }
.nd .nd-before { opacity: 0; pointer-events: none; } .nd .nd-moving { opacity: 0; pointer-events: none; }
.nd .nd-slab { outline: none; } .nd .nd-slab[tabindex] { cursor: pointer; }
.nd .nd-ring { fill: none; stroke: none; } .nd .nd-slab:hover .nd-ring { stroke: var(--nd-soft); stroke-width: 1px; }
.nd .nd-slab[aria-pressed="true"] .nd-ring, .nd .nd-slab:focus-visible .nd-ring { stroke: var(--nd-ink); stroke-width: calc(var(--nd-line) * 1.6); }
@media (prefers-reduced-motion: reduce) { .nd .nd-glow { transition: none; } }
@media (forced-colors: active) { .nd .nd-face { stroke: CanvasText; } }`
const NETWORK_COLOURS = { kept: "blue", frozen: "blue", trained: "orange", random: "purple", new: "orange", "cut away": "grey" }
const NETWORK_ICONS = { frozen: "❄ ", "cut away": "✂ " }

function svgElement(name, attributes = {}, children = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

// A colour by state, and a pattern by state: colour never carries the meaning alone.
function networkPattern(state, id, scale) {
  const colour = `var(--nd-${NETWORK_COLOURS[state]})`
  const side = 6 * scale
  const marks = {
    frozen: [["path", { d: `M0 0v${side}`, stroke: colour, "stroke-width": 1.5 * scale }]],
    random: [["circle", { cx: side / 2, cy: side / 2, r: 1.3 * scale, style: `fill:${colour}` }]],
    new: [["path", { d: `M0 ${side / 2}h${side}`, stroke: colour, "stroke-width": 1.2 * scale }]],
  }
  const turn = state === "frozen" ? { patternTransform: "rotate(45)" } : {}
  const tint = svgElement("rect", { width: side, height: side, style: `fill:color-mix(in srgb, ${colour} 20%, var(--nd-page))` })
  const drawn = (marks[state] ?? []).map(([name, attributes]) => svgElement(name, attributes))
  return svgElement("pattern", { id, width: side, height: side, patternUnits: "userSpaceOnUse", ...turn }, [tint, ...drawn])
}

function networkFill(state, id) {
  return state === "cut away" ? "none" : `url(#${id}-${state})`
}

function slabFaces(box, state, id) {
  // The front of the slab, and its side: as deep as its maps are wide.
  const { x, y, width, height, dx } = box
  const dy = dx / 2
  const style = `stroke:var(--nd-${NETWORK_COLOURS[state]});fill:${networkFill(state, id)}`
  const dashed = state === "cut away" ? { "stroke-dasharray": "5 4" } : {}
  const front = `M${x + dx} ${y}h${width}v${height}h${-width}z`
  const side = `M${x} ${y + dy}l${dx} ${-dy}v${height}l${-dx} ${dy}z`
  return (dx ? [side, front] : [front]).map((d) => svgElement("path", { class: "nd-face", d, style, ...dashed }))
}

function drawSlab(slab, index, box, id, interactive) {
  const { x, y, width, height, dx } = box
  const outline = `M${x} ${y + dx / 2}l${dx} ${-dx / 2}h${width}v${height}h${-width}l${-dx} ${dx / 2}z`
  const glow = svgElement("g", { class: "nd-glow" }, [svgElement("path", { d: outline })])
  glow.style.opacity = slab.change ?? 0
  const before = svgElement("g", { class: "nd-before" }, slab.state === "new" ? [] : slabFaces(box, "kept", id))
  const pad = 5
  const ring = svgElement("rect", { class: "nd-ring", x: x - pad, y: y - pad, rx: 4, width: width + dx + 2 * pad, height: height + dx / 2 + 2 * pad })
  const body = svgElement("g", { class: "nd-body" }, slabFaces(box, slab.state, id))
  const group = svgElement("g", { class: `nd-slab nd-${slab.state.replace(" ", "-")}`, "data-index": index }, [glow, body, before, ring])
  if (interactive) {
    ring.style.pointerEvents = "all"
    for (const [key, value] of Object.entries({ role: "button", tabindex: index ? -1 : 0, "aria-pressed": false, "aria-label": slab.description }))
      group.setAttribute(key, value)
  }
  return group
}

// ---------------------------------------------------------------------------------- Layout

function placeSmall(data, { width, height }) {
  // Shapes alone, flat, from the left edge.
  const gap = Math.max(3, width * 0.03)
  const natural = data.slabs.map((slab) => Math.max(9, slab.width * 34))
  const room = width - gap * (data.slabs.length - 1) - 2
  const shrink = Math.min(1, room / natural.reduce((sum, each) => sum + each, 0))
  let x = 1
  return data.slabs.map((slab, index) => {
    const tall = Math.max(8, slab.height * (height - 4))
    const box = { x, y: (height - tall) / 2, width: natural[index] * shrink, height: tall, dx: 0 }
    x += box.width + gap
    return box
  })
}

function listRuns(data, { short, icons }) {
  // Neighbours that respond to the same share one label; all that is cut away has one.
  const runs = []
  data.slabs.forEach((slab, index) => {
    const cut = slab.state === "cut away"
    const words = cut ? (short ? data.cut : data.cut_away) : short ? slab.short_label : slab.label
    const text = (icons || cut ? (NETWORK_ICONS[slab.state] ?? "") : "") + words
    const last = runs.at(-1)
    if (last && last.text === text) last.indices.push(index)
    else runs.push({ text, indices: [index], isNew: slab.state === "new", isCut: cut })
  })
  return runs
}

const LABEL_CHOICES = [{ short: false, icons: true }, { short: false, icons: false }, { short: true, icons: true }, { short: true, icons: false }]

function measureSlabs(data, tall, unit, { isNarrow, scale }) {
  return data.slabs.map((slab) => ({
    height: slab.height * tall * 0.86,
    dx: slab.depth * tall * (isNarrow ? 0.1 : 0.22) * unit,
    width: Math.max(7 * scale, slab.width * 84 * scale * unit),
  }))
}

function fitRow(data, room, tall, font, options) {
  // The longest labels and the largest slabs that there is room for.
  const gap = (options.isNarrow ? 4 : 16) * options.scale
  const measure = (text) => text.length * font * 0.51
  const outputs = options.isNarrow || !data.outputs.length ? 0 : Math.max(...data.outputs.map(measure)) + 48 * options.scale
  let row
  for (const choice of LABEL_CHOICES) {
    const runs = listRuns(data, choice)
    for (const unit of [1, 0.8, 0.6, 0.45]) {
      const sizes = measureSlabs(data, tall, unit, options)
      for (const run of runs) {
        run.slabs = run.indices.reduce((sum, i) => sum + sizes[i].width + sizes[i].dx, 0)
        run.own = Math.max(run.slabs + gap * run.indices.length, measure(run.text) + gap)
      }
      const total = runs.reduce((sum, run) => sum + run.own, 0) + outputs
      row = { runs: structuredClone(runs), sizes, outputs, total }
      if (total <= room) return row
    }
  }
  return row
}

function placeFull(data, options) {
  const { width, height, scale } = options
  const font = (options.isNarrow ? 11 : 13) * scale
  const image = options.hasImage ? Math.min(height * 0.52, width * 0.12) : 0
  const indent = image ? image + 6 * scale : 0
  const top = font * 1.2, tall = height - top - font * 2.6 // of the tallest slab with its side
  const middle = top + tall / 2
  const row = fitRow(data, width - indent, tall, font, options)
  const spare = Math.max(0, width - indent - row.total)
  const extra = Math.min(spare / data.slabs.length, 90 * scale)
  const start = (spare - extra * data.slabs.length) / 2
  const boxes = [], labels = []
  let left = start + indent
  for (const run of row.runs) {
    const span = run.own + extra * run.indices.length, between = (span - run.slabs) / run.indices.length
    let x = left + between / 2, bottom = 0
    for (const i of run.indices) {
      const size = row.sizes[i]
      boxes[i] = { ...size, x, y: middle - size.height / 2 - size.dx / 4 }
      bottom = Math.max(bottom, middle + size.height / 2 + size.dx / 4)
      x += size.width + size.dx + between
    }
    if (run.isNew && row.outputs) bottom = Math.max(bottom, middle + data.outputs.length * font * 0.68)
    labels.push({ text: run.text, x: left + span / 2, y: bottom + font * 1.5, isNew: run.isNew, isCut: run.isCut })
    left += span + (run.isNew ? row.outputs : 0)
  }
  return { boxes, labels, font, image, start, middle, outputs: row.outputs }
}

// ---------------------------------------------------------------------------------- Drawing

function drawWires(data, boxes, place) {
  // From the picture through every slab of the network; what is cut away hangs on no wire.
  const wires = []
  const kept = data.slabs.map((slab, i) => [slab, boxes[i]]).filter(([slab]) => slab.state !== "cut away")
  let from = place.image ? place.start + place.image + 3 : null
  for (const [, box] of kept) {
    if (from !== null && box.x - 4 > from) wires.push(svgElement("path", { class: "nd-wire", d: `M${from} ${place.middle}H${box.x - 4}` }))
    from = box.x + box.width + box.dx + 4
  }
  if (!data.reads_all) return wires
  const end = kept.at(-1)[1]
  for (const [, box] of kept.slice(0, -2)) {
    const x = box.x + box.dx + box.width / 2, over = 4
    wires.push(svgElement("path", { class: "nd-wire", "stroke-dasharray": "2 3",
      d: `M${x} ${box.y - 2}V${over}H${end.x + end.width / 2}V${end.y - 3}` }))
  }
  return wires
}

function drawOutputs(data, boxes, place) {
  const index = data.slabs.findIndex((slab) => slab.state === "new")
  if (index < 0 || !place.outputs) return null
  const box = boxes[index], from = box.x + box.width + 4, step = place.font * 1.35
  const rows = data.outputs.map((name, row) => {
    const y = place.middle + (row - (data.outputs.length - 1) / 2) * step
    return [svgElement("path", { class: "nd-wire", d: `M${from} ${place.middle}L${from + 24} ${y}h8` }),
      svgElement("text", { class: "nd-strong", x: from + 37, y: y + place.font * 0.35, "font-size": place.font }, [name])]
  })
  return svgElement("g", { class: "nd-outputs" }, rows.flat())
}

function drawPicture(options, place) {
  const box = { x: place.start, y: place.middle - place.image / 2, width: place.image, height: place.image }
  if (options.image) return svgElement("image", { ...box, href: options.image, preserveAspectRatio: "xMidYMid slice" })
  return svgElement("rect", { ...box, rx: 6, style: "fill:var(--nd-soft);fill-opacity:.15;stroke:var(--nd-soft)" })
}

function drawNetwork(data, given = {}) {
  // options: width, height in pixels; small (shapes alone); image (its address); scale (of type and
  // lines); interactive (slabs can be reached by keyboard and pressed).
  const options = { width: 160, height: 60, small: false, scale: 1, interactive: false, hasImage: true, ...given }
  options.scale = Math.min(options.scale, Math.max(0.9, options.width / 340)) // all slabs fit a phone
  options.isNarrow = options.width < 620 * options.scale
  const id = `nd-${Math.random().toString(36).slice(2)}`
  const place = options.small ? { boxes: placeSmall(data, options) } : placeFull(data, options)
  const states = [...new Set([...data.slabs.map((slab) => slab.state), "kept"])]
  const svg = svgElement("svg", { class: "nd", viewBox: `0 0 ${options.width} ${options.height}`, width: options.width, height: options.height }, [
    svgElement("style", {}, [NETWORK_STYLE]),
    svgElement("defs", {}, states.map((state) => networkPattern(state, `${id}-${state}`, options.scale))),
  ])
  svg.style.setProperty("--nd-line", `${1.4 * options.scale}px`)
  const slabs = data.slabs.map((slab, i) => drawSlab(slab, i, place.boxes[i], id, options.interactive))
  if (options.small) {
    svg.setAttribute("aria-hidden", "true") // the words are beside it
    svg.append(...slabs)
  } else {
    svg.setAttribute("role", "group")
    svg.setAttribute("aria-label", data.description)
    svg.append(...drawWires(data, place.boxes, place))
    if (options.hasImage) svg.append(drawPicture(options, place))
    svg.append(...slabs)
    const outputs = drawOutputs(data, place.boxes, place)
    if (outputs) svg.append(outputs)
    svg.append(...place.labels.map(({ text, x, y, isNew, isCut }) => svgElement("text", {
      x, y, "text-anchor": "middle", "font-size": place.font, class: isNew ? "nd-strong nd-late" : isCut ? "nd-late" : "" }, [text])))
  }
  svg.networkPlace = { ...place, options }
  return svg
}

function setGlow(svg, data) {
  // The measured change of each slab, without drawing anew.
  svg.querySelectorAll(".nd-slab").forEach((group, index) => {
    group.querySelector(".nd-glow").style.opacity = data.slabs[index].change ?? 0
    if (group.hasAttribute("aria-label")) group.setAttribute("aria-label", data.slabs[index].description)
  })
  if (svg.hasAttribute("aria-label")) svg.setAttribute("aria-label", data.description)
}
