// The decision diagram: four cells, a dividing line that can be dragged, and the data set's point.
// pages/shared/scripts/network_svg.js comes before this file. The size axis is logarithmic and has room at
// both ends, so that no row of cells is ever too low for its text.
const MIN_LINE = 20, MAX_LINE = 1e6
const TICKS = [[20, "20"], [100, "100"], [1e3, "1k"], [1e4, "10k"], [1e5, "100k"], [1e6, "1M"]]
const POINT_HEIGHT = 26 // of the strip that the point's mark takes in a cell
const KEY_STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 3, PageDown: -3 }

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
const words = (text, attributes) => svgElement("text", attributes, [text])
const estimateWidth = (text, font) => text.length * font * 0.49

function wrap(text, width, font) {
  const lines = []
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word
    if (lines.length && estimateWidth(longer, font) <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

function measureFrame(state) {
  const { scale } = state.data
  const width = state.root.clientWidth, narrow = width < 390 * scale
  const height = (narrow ? 520 : state.data.height) * scale
  const left = 58 * scale
  return { scale, narrow, width, height, left, right: width - 3, top: 3, bottom: height - 22 * scale, margin: (narrow ? 108 : 62) * scale }
}

function placeImages(images, { top, bottom, margin }) {
  const share = Math.log(images / MIN_LINE) / Math.log(MAX_LINE / MIN_LINE)
  const y = bottom - margin - share * (bottom - top - 2 * margin)
  return Math.min(Math.max(y, top + margin / 2), bottom - margin / 2)
}

function findLine(y, state, frame) {
  const distance = (line) => Math.abs(placeImages(line, frame) - y)
  return state.data.lines.reduce((best, line) => (distance(line) < distance(best) ? line : best))
}

function describeLine({ diagram, data }, line) {
  const { images } = diagram.point, { words: told, locale } = data
  return fill(images < line ? told.line_small : told.line_large, { line: line.toLocaleString(locale), images: images.toLocaleString(locale) })
}

// ---------------------------------------------------------------------------------- One cell

function makeDrawing(cell, x, y, width, height) {
  const svg = drawNetwork(cell.drawing, { width: 160, height: 60, small: true })
  for (const [key, value] of Object.entries({ x, y, width, height, preserveAspectRatio: "xMinYMid meet" })) svg.setAttribute(key, value)
  return svg
}

function listBlocks(cell, state, frame, width, plan) {
  // From top to bottom: height, width, and how to draw at a left and an upper edge.
  const { scale, narrow } = frame
  const corner = (plan.corner ?? 0) * scale, beside = (corner * 160) / 60 // a drawing at the right of the title
  const paragraph = (text, font, name, room = width) => {
    const size = font * scale, lines = wrap(text, room, size)
    return {
      height: lines.length * size * 1.3,
      right: Math.max(...lines.map((line) => estimateWidth(line, size))),
      draw: (x, y) => svgElement("g", {}, lines.map((line, row) => words(line, { x, y: y + row * size * 1.3 + size, class: name, "font-size": size }))),
    }
  }
  const title = paragraph(`${cell.case} · ${cell.title}`, narrow ? 13 : 14, "dd-strong", width - beside), blocks = [title]
  if (corner) blocks[0] = { ...title, right: width, draw: (x, y) => svgElement("g", {}, [title.draw(x, y), makeDrawing(cell, x + width - beside, y, beside, corner)]) }
  if (plan.summary) blocks.push(paragraph(cell.summary, 12, "dd-soft"))
  if (plan.drawing) {
    const high = plan.drawing * scale, wide = Math.min(width, (high * 160) / 60)
    blocks.push({ height: high + 6, right: wide, draw: (x, y) => makeDrawing(cell, x, y + 2, wide, high) })
  }
  if (cell.accuracy) blocks.push(paragraph(cell.accuracy, narrow ? 16 : 18, "dd-strong"))
  if (plan.knowledge) blocks.push(paragraph(cell.knowledge, 12, "dd-soft"))
  return blocks
}

function listPills(cell, textbook, { scale }, told) {
  const pills = []
  if (cell.is_recommended) pills.push([told.recommended, "dd-best"])
  if (textbook) pills.push([textbook, "dd-textbook"])
  if (cell.is_chosen) pills.push([told.chosen, "dd-chosen-word"])
  return pills.map(([text, name]) => ({ text, name, width: (text.length * 12 * 0.56 + 16) * scale, height: 21 * scale }))
}

function describeTextbook({ similarity }, { point, can_tell, similarity: answer }, told) {
  // The textbook's mark on a cell of the data set's row: on both cells if the answer is open.
  if (can_tell) return similarity === answer ? told.textbook : ""
  const similar = Math.round(100 * point.probability)
  return fill(told.maybe, { probability: similarity === "similar" ? similar : 100 - similar })
}

function findPillEnd(box, band, pills) {
  // The lower edge of the pills: that of the cell, or above the point's strip.
  const end = box.y + box.height - 5
  if (!pills.length || !band) return end
  const top = end - pills.length * (pills[0].height + 3)
  return band.bottom > top && band.top < end ? band.top - 2 : end
}

function flow(blocks, box, band, pills) {
  // Stack the blocks below each other, clear of the point's strip; null if there is no room.
  let y = box.y + 6
  const placed = [], end = box.y + box.height - 5, pillEnd = findPillEnd(box, band, pills)
  for (const block of blocks) {
    if (band && y < band.bottom && y + block.height > band.top) y = band.bottom
    placed.push({ block, y })
    y += block.height
  }
  const isFree = (pill, row) => {
    const top = pillEnd - (pills.length - row) * (pill.height + 3), left = box.x + box.width - pill.width - 8
    return placed.every(({ block, y }) => y + block.height <= top + 2 || y > top + pill.height || left > box.x + 12 + block.right)
  }
  return y <= end + 2 && pills.every(isFree) ? placed : null
}

const DRAWN = [84, 72, 60, 52, 44, 36].map((drawing) => ({ summary: true, knowledge: true, drawing }))
DRAWN.push(...[60, 50, 40, 30].map((drawing) => ({ summary: false, knowledge: true, drawing })))
const CORNERS = [true, false].flatMap((knowledge) => [32, 24, 18].map((corner) => ({ knowledge, corner })))
// In a narrow cell a drawing beside the title would leave the title one word a line.
const PLANS = { wide: [...DRAWN, ...CORNERS], narrow: [...DRAWN, { knowledge: true }, ...CORNERS] }

function drawCell(cell, box, band, textbook, state, frame) {
  const { scale } = frame, inside = box.width - 20, pills = listPills(cell, textbook, frame, state.data.words)
  let placed = null
  for (const plan of frame.narrow ? PLANS.narrow : PLANS.wide) {
    placed = flow(listBlocks(cell, state, frame, inside, plan), box, band, pills)
    if (placed) break
  }
  placed ??= flow(listBlocks(cell, state, frame, inside, { corner: 18 }), { ...box, height: 1e6 }, null, [])
  const names = ["dd-cell"]
  if (cell.is_chosen) names.push("dd-is-chosen")
  const group = svgElement("g", { class: names.join(" "), role: "button", tabindex: 0, "data-cell": cell.case, "aria-pressed": cell.is_chosen })
  group.setAttribute("aria-label", [fill(state.data.words.case, { case: cell.case, title: cell.title }), cell.accuracy && `${cell.accuracy}, ${cell.knowledge}`, ...pills.map((pill) => pill.text.replace(/[★✓] /, ""))].filter(Boolean).join(", "))
  const face = svgElement("rect", { class: "dd-face", x: box.x, y: box.y, width: box.width, height: box.height, rx: 9 })
  if (cell.shade !== null) face.style.setProperty("--dd-shade", `${Math.round(6 + 22 * cell.shade)}%`)
  group.append(face)
  if (cell.is_recommended) group.append(svgElement("rect", { class: "dd-best-edge", x: box.x + 4, y: box.y + 4, width: box.width - 8, height: box.height - 8, rx: 6 }))
  group.append(...placed.map(({ block, y }) => block.draw(box.x + 12, y)))
  pills.forEach((pill, row) => {
    const x = box.x + box.width - pill.width - 8, y = findPillEnd(box, band, pills) - (pills.length - row) * (pill.height + 3)
    group.append(
      svgElement("rect", { class: `dd-pill ${pill.name}`, x, y, width: pill.width, height: pill.height, rx: pill.height / 2 }),
      words(pill.text, { class: `dd-pill-text ${pill.name}`, x: x + pill.width / 2, y: y + pill.height * 0.7, "text-anchor": "middle", "font-size": 12 * scale }))
  })
  group.addEventListener("click", () => choose(state, cell.case))
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return
    event.preventDefault()
    choose(state, cell.case)
  })
  return group
}

function choose(state, wanted) {
  state.diagram.cells.forEach((cell) => { cell.is_chosen = cell.case === wanted })
  draw(state)
  wish(state, { cell: wanted })
}

// Streamlit keeps only the newest message that it has not read yet, and may draw once more what was
// asked for before. So each message says all that is wished for, and what the server gives counts
// again from the message on that it has read.
function wish(state, wanted) {
  state.wished = { ...state.wished, ...wanted, number: ++state.number }
  state.send("wish", state.wished)
}

// ---------------------------------------------------------------------------------- The whole

function placePoint({ point }, frame) {
  const at = (share) => frame.left + share * (frame.right - frame.left)
  const y = placeImages(point.images, frame), half = (POINT_HEIGHT / 2) * frame.scale
  return { x: at(point.probability), low: at(point.low), high: at(point.high), y, top: y - half, bottom: y + half }
}

function drawPoint(place, frame, label) {
  const { scale } = frame, { x, y, low, high } = place, side = 8 * scale
  const spread = Math.max(high - low, 2 * side)
  const parts = [
    svgElement("ellipse", { class: "dd-spread", cx: (low + high) / 2, cy: y, rx: spread / 2, ry: 10 * scale }),
    svgElement("path", { class: "dd-interval", d: `M${low} ${y}H${high}M${low} ${y - 5}v10M${high} ${y - 5}v10` }),
    svgElement("path", { class: "dd-point", d: `M${x} ${y - side}l${side} ${side}l${-side} ${side}l${-side} ${-side}z` }),
  ]
  const width = estimateWidth(label, 12 * scale) + 14
  const font = { class: "dd-soft", y: y + 4 * scale, "font-size": 12 * scale }
  const middle = (frame.left + frame.right) / 2 // the words stay in one cell
  if (high + width < (high < middle ? middle : frame.right)) parts.push(words(label, { ...font, x: high + 8 }))
  else if (low - width > (low > middle ? middle : frame.left)) parts.push(words(label, { ...font, x: low - 8, "text-anchor": "end" }))
  return parts
}

function drawAxes(state, frame, y) {
  const { scale, left, right, top, bottom, height } = frame, middle = (left + right) / 2
  const soft = { class: "dd-soft", "font-size": 12 * scale, "text-anchor": "middle" }
  const turned = (text, at) => words(text, { ...soft, transform: `rotate(-90 ${9 * scale} ${at})`, x: 9 * scale, y: at + 4 })
  const ticks = TICKS.map(([images, text]) => [placeImages(images, frame), text])
    .filter(([place]) => Math.abs(place - y) > 24 * scale)
    .flatMap(([place, text]) => [
      svgElement("path", { class: "dd-tick", d: `M${left - 7} ${place}h5` }),
      words(text, { class: "dd-soft", x: left - 10, y: place + 4, "text-anchor": "end", "font-size": 11 * scale })])
  const axis = svgElement("path", { class: "dd-tick", d: `M${left - 7} ${placeImages(MAX_LINE, frame)}V${placeImages(MIN_LINE, frame)}` })
  const told = state.data.words
  const columns = frame.narrow ? [told.different_short, told.similar_short] : [told.different, told.similar]
  const parts = [axis, ...ticks, turned(told.large, (top + y) / 2), turned(told.small, (bottom + y) / 2),
    ...columns.map((text, place) => words(text, { ...soft, x: place ? (middle + right) / 2 : (left + middle) / 2, y: height - 5 }))]
  if (state.diagram.crossover !== null) {
    const at = placeImages(state.diagram.crossover, frame)
    parts.push(svgElement("path", { class: "dd-crossover", d: `M${left - 6} ${at - 6}l9 6l-9 6z` }))
  }
  return parts
}

function moveHandle(state, frame, y) {
  const { handle, line } = state, { scale, left, right } = frame
  const text = line >= 1e6 ? state.data.words.million : line.toLocaleString(state.data.locale), high = 24 * scale, wide = left - 4
  const font = Math.min(13 * scale, (wide - 8) / (text.length * 0.56))
  handle.setAttribute("transform", `translate(0 ${y})`)
  handle.setAttribute("aria-label", state.data.words.handle)
  handle.setAttribute("aria-valuenow", line)
  handle.setAttribute("aria-valuetext", describeLine(state, line))
  const middle = wide / 2
  handle.replaceChildren(
    svgElement("path", { class: "dd-line", d: `M${wide} 0H${right}` }),
    svgElement("rect", { class: "dd-grip-room", x: 0, y: -22 * scale, width: left, height: 44 * scale }),
    svgElement("rect", { class: "dd-grip-room", x: left, y: -8 * scale, width: right - left, height: 16 * scale }),
    svgElement("rect", { class: "dd-grip", x: 0, y: -high / 2, width: wide, height: high, rx: high / 2 }),
    words(text, { class: "dd-grip-text", x: middle, y: font * 0.36, "text-anchor": "middle", "font-size": font }),
    svgElement("path", { class: "dd-arrows", d: `M${middle} ${-high / 2 - 8}l5 5h-10zM${middle} ${high / 2 + 8}l5-5h-10z` }))
}

function draw(state) {
  const frame = measureFrame(state)
  if (!frame.width) return
  const { svg, diagram, line } = state, { left, right, top, bottom } = frame
  const y = placeImages(line, frame), middle = (left + right) / 2, gap = 2
  const point = placePoint(diagram, frame), size = diagram.point.images < line ? "small" : "large"
  const focused = state.root.ownerDocument.activeElement?.dataset?.cell
  const cells = diagram.cells.toSorted((a, b) => b.case - a.case).map((cell) => {
    const isLeft = cell.similarity === "different", isUpper = cell.size === "large"
    const x = isLeft ? left : middle + gap, from = isUpper ? top : y + gap, to = isUpper ? y - gap : bottom
    const box = { x, y: from, width: middle - gap - left, height: to - from }
    const touches = cell.size === size && point.low - 8 < x + box.width && point.high + 8 > x
    const textbook = cell.size === size ? describeTextbook(cell, diagram, state.data.words) : ""
    return drawCell(cell, box, touches ? point : null, textbook, state, frame)
  })
  svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`)
  svg.setAttribute("width", frame.width)
  svg.setAttribute("height", frame.height)
  svg.setAttribute("aria-label", diagram.description)
  state.cells.replaceChildren(...cells)
  state.axes.replaceChildren(...drawAxes(state, frame, y), ...drawPoint(point, frame, state.data.words.own))
  moveHandle(state, frame, y)
  if (focused) state.cells.querySelector(`[data-cell="${focused}"]`)?.focus()
  state.width = frame.width
  state.frame = frame
}

function listenToHandle(state) {
  const { handle, svg } = state
  const move = (line) => {
    if (line === state.line) return
    state.line = line
    draw(state)
  }
  const letGo = () => {
    state.dragging = false
    if (state.line !== state.diagram.line || state.wished) wish(state, { line: state.line })
  }
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId)
    handle.focus({ preventScroll: true })
    state.dragging = true
    event.preventDefault()
  })
  handle.addEventListener("pointermove", (event) => {
    if (!state.dragging) return
    move(findLine(event.clientY - svg.getBoundingClientRect().top, state, state.frame))
  })
  handle.addEventListener("pointerup", letGo)
  handle.addEventListener("pointercancel", letGo)
  handle.addEventListener("keydown", (event) => {
    const { lines } = state.data, place = lines.indexOf(state.line)
    const ends = { Home: 0, End: lines.length - 1 }
    if (!(event.key in KEY_STEPS) && !(event.key in ends)) return
    event.preventDefault()
    state.dragging = true
    const wanted = ends[event.key] ?? place + KEY_STEPS[event.key]
    move(lines[Math.min(Math.max(wanted, 0), lines.length - 1)])
  })
  for (const name of ["keyup", "blur"]) handle.addEventListener(name, () => { if (state.dragging) letGo() })
}

function begin(root) {
  const svg = svgElement("svg", { class: "dd", role: "group" })
  const [cells, axes] = [svgElement("g"), svgElement("g", { "aria-hidden": "true", class: "dd-axes" })]
  const handle = svgElement("g", { class: "dd-handle", role: "slider", tabindex: 0, "aria-orientation": "vertical", "aria-valuemin": MIN_LINE, "aria-valuemax": MAX_LINE })
  svg.append(cells, handle, axes)
  root.replaceChildren(svg)
  const state = { root, svg, cells, axes, handle, dragging: false, number: 0 }
  listenToHandle(state)
  state.observer = new ResizeObserver(() => { if (state.width !== root.clientWidth) draw(state) })
  state.observer.observe(root)
  return state
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".decision-diagram")
  const state = (root.diagram ??= begin(root))
  state.send = setTriggerValue
  const text = JSON.stringify(data)
  state.number = Math.max(state.number, data.number)
  if (data.number >= state.wished?.number) state.wished = null
  if (text !== state.text && !state.dragging && !state.wished) {
    Object.assign(state, { text, data, diagram: structuredClone(data.diagram), line: data.diagram.line })
    draw(state)
  }
  return () => {
    if (!root.isConnected) state.observer.disconnect()
  }
}
