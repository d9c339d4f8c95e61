// The four cases side by side: drawing, curve and result of each; new points arrive while they run.
// network_svg.js comes before this file.
const CURVE = { width: 210, height: 118, left: 30, right: 6, top: 14, bottom: 16 }

function node(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children.filter((child) => child !== null))
  return element
}

function drawCurve(cell, chance, words) {
  const { width, height, left, right, top, bottom } = CURVE
  const high = height - bottom, y = (share) => high - share * (high - top)
  const longest = Math.max(1, ...cell.curves.map((curve) => curve.epochs))
  const x = (epoch, epochs) => left + (epoch / (epochs || longest)) * (width - left - right)
  const svg = svgElement("svg", { class: "cg-curve", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, [
    svgElement("path", { class: "cg-axis", d: `M${left} ${top}V${high}H${width - right}` }),
    svgElement("path", { class: "cg-chance", d: `M${left} ${y(chance)}H${width - right}` }),
    svgElement("text", { x: left + 4, y: 9 }, [words.validation]),
    svgElement("text", { x: left - 4, y: top + 8, "text-anchor": "end" }, ["100"]),
    svgElement("text", { x: left - 4, y: high, "text-anchor": "end" }, ["0"]),
    svgElement("text", { x: width - right, y: height - 3, "text-anchor": "end" }, [cell.curves.length ? words.epochs.replace("{epochs}", longest) : words.not_trained]),
  ])
  for (const curve of cell.curves) {
    const points = curve.accuracies.map((accuracy, index) => [x(index + 1, longest), y(accuracy)])
    if (!points.length) continue
    svg.append(svgElement("path", { class: `cg-line cg-${curve.kind}`, d: `M${points.map((point) => point.map((each) => each.toFixed(1)).join(" ")).join("L")}` }))
    const [lastX, lastY] = points.at(-1)
    svg.append(svgElement("circle", { class: `cg-end cg-${curve.kind}`, cx: lastX, cy: lastY, r: 3 }))
  }
  return svg
}

function drawCell(cell, chance, words) {
  const pills = cell.marks.map(({ word, is_textbook }) => node("span", { class: `cg-pill ${is_textbook ? "cg-textbook" : "cg-best"}` }, word))
  const drawing = drawNetwork(cell.drawing, { width: 164, height: 66, small: true })
  const element = node("section", { class: "cg-cell", role: "group", "aria-label": cell.description },
    node("div", { class: "cg-head", "aria-hidden": "true" }, node("div", {}, node("strong", {}, `${cell.case} · ${cell.title}`), node("span", { class: "cg-soft" }, cell.summary)), node("div", { class: "cg-pills" }, ...pills)),
    node("div", { class: "cg-body", "aria-hidden": "true" }, node("div", { class: "cg-network" }, drawing, node("span", { class: "cg-soft" }, cell.trained)), drawCurve(cell, chance, words),
      node("div", { class: "cg-result" }, node("span", { class: cell.shade === null ? "cg-expected" : "cg-number" }, cell.accuracy || "–"), cell.accuracy ? node("span", { class: "cg-soft" }, words.test) : null, node("span", { class: "cg-soft" }, cell.knowledge),
        cell.state ? node("span", { class: "cg-state" }, cell.state) : null, cell.note ? node("span", { class: "cg-soft" }, cell.note) : null)))
  element.style.setProperty("--cg-case", cell.case)
  if (cell.shade !== null) element.style.setProperty("--cg-shade", `${Math.round(6 + 22 * cell.shade)}%`)
  return element
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".case-grid")
  const text = JSON.stringify(data)
  if (text === root.drawn) return
  root.drawn = text
  root.replaceChildren(...data.cells.map((cell) => drawCell(cell, data.chance, data.words)))
}
